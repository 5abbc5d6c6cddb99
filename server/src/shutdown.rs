//! The shutdown: its time limits and its outcome.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::history::sqlite::Threads;
use crate::session::Sessions;

/// Maximum time for the store to write its queued messages and close.
const STORE_TIME_MAX: Duration = Duration::from_secs(1);

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ShutdownOutcome {
    /// Every received message was stored and answered, and every client was asked to reconnect.
    Clean,
    /// The shutdown ran out of time or was interrupted. No delivered message is lost, and the next start
    /// recovers the store.
    Forced,
    /// An essential task panicked.
    Failed,
}

/// The deadlines of the parts of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// All clients have received their Close.
    clients: Instant,
    /// The rooms are empty.
    rooms: Instant,
    /// The store is closed.
    store: Instant,
}

impl Schedule {
    /// Divides `time` among the parts, starting at `now`.
    #[must_use]
    pub fn new(now: Instant, time: Duration) -> Self {
        let rooms = time - (time / 4).min(STORE_TIME_MAX);
        Self { clients: now + rooms * 7 / 8, rooms: now + rooms, store: now + time }
    }
}

/// Closes every client once its received messages are answered, and waits until the rooms are empty.
pub async fn drain_clients(
    sessions: &Sessions,
    tasks: &TaskTracker,
    schedule: Schedule,
) -> ShutdownOutcome {
    sessions.close_all(schedule.clients);
    let drain = async {
        tasks.close();
        tasks.wait().await;
        sessions.hub.drained().await;
    };
    if timeout_at(schedule.rooms, drain).await.is_err() {
        tracing::warn!("the rooms did not close in time");
        return ShutdownOutcome::Forced;
    }
    ShutdownOutcome::Clean
}

/// Stops the store's threads.
pub(crate) async fn close_store(threads: Threads, schedule: Schedule) -> ShutdownOutcome {
    if timeout_at(schedule.store, threads.stop()).await.is_err() {
        tracing::warn!("the store did not close in time; the next start recovers it");
        return ShutdownOutcome::Forced;
    }
    ShutdownOutcome::Clean
}

impl ShutdownOutcome {
    /// Returns the first outcome that is not [`Self::Clean`], if any.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Clean { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deadlines_are_ordered_and_within_the_total_time() {
        let now = Instant::now();
        for seconds in [1, 2, 8, 600] {
            let time = Duration::from_secs(seconds);
            let Schedule { clients, rooms, store } = Schedule::new(now, time);
            assert!(now + time / 2 < clients && clients < rooms && rooms < store);
            assert_eq!(store, now + time);
        }
    }
}
