//! The end of the server: how long each part of it may take, and how it went.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::history::sqlite::Threads;
use crate::ws::session::Sessions;

/// What the store may take of the time at the end, at most: it writes what it has, and closes.
const STORE_TIME_MAX: Duration = Duration::from_secs(1);

/// How a server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// Everything was stored and answered, every client was told to come back.
    InOrder,
    /// Its time was up, or somebody was in a hurry. Nothing that anybody received is lost, and the
    /// next start takes up what was left.
    Cut,
}

/// When which part of the shutdown must be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Every client has been let go.
    clients: Instant,
    /// The rooms have seen them leave.
    rooms: Instant,
    /// The store is closed.
    store: Instant,
}

impl Schedule {
    /// Divides the time from `now` on.
    pub(crate) fn new(now: Instant, time: Duration) -> Self {
        let rooms = time - (time / 4).min(STORE_TIME_MAX);
        Self { clients: now + rooms * 7 / 8, rooms: now + rooms, store: now + time }
    }
}

/// Lets every client go once what it had said is answered, and waits until the rooms are empty.
pub(crate) async fn say_goodbye(
    sessions: &Sessions,
    tasks: &TaskTracker,
    schedule: Schedule,
) -> Ended {
    sessions.end_all(schedule.clients);
    let goodbye = async {
        tasks.close();
        tasks.wait().await;
        sessions.hub.drained().await;
    };
    if timeout_at(schedule.rooms, goodbye).await.is_err() {
        tracing::warn!("the rooms did not end in time");
        return Ended::Cut;
    }
    Ended::InOrder
}

/// Closes the store.
pub(crate) async fn close_store(threads: Threads, schedule: Schedule) -> Ended {
    if timeout_at(schedule.store, threads.stop()).await.is_err() {
        tracing::warn!("the store did not end in time; the next start takes up what it left");
        return Ended::Cut;
    }
    Ended::InOrder
}

impl Ended {
    /// In order if both are.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::InOrder { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_parts_fit_into_the_whole() {
        let now = Instant::now();
        for seconds in [1, 2, 8, 600] {
            let time = Duration::from_secs(seconds);
            let Schedule { clients, rooms, store } = Schedule::new(now, time);
            assert!(now + time / 2 < clients && clients < rooms && rooms < store);
            assert_eq!(store, now + time);
        }
    }
}
