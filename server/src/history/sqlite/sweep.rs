//! The thread that removes what is no longer kept, in rooms that nobody writes to as well.
//!
//! It goes through all rooms every so often, by a connection of its own, and takes the writer's place
//! for a moment wherever there is something to remove: few messages at once, with a rest behind them,
//! so that no append waits noticeably. Rooms in which something is said stay within their number of
//! messages by themselves ([`super::append`]).
//!
//! Between the rounds it has the memory given back that is held for writing much, whenever little was
//! written for some seconds.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use xmeet_shared::{MessageId, RoomId, UnixMillis};

use super::Keeping;
use super::append::{Append, TRIM_SLACK_MESSAGES};
use super::old::{self, OldestRun, RUN_MESSAGES};
use super::queue::Queue;
use super::writer::{SharedWriter, Writer};
use crate::room::Timely;

/// Rooms that are looked at in one query.
const LOOK_ROOMS: usize = 256;

/// How long one removal is to take about, during which no message is stored.
const REMOVAL_AIM: Duration = Duration::from_millis(1);

/// Messages that one removal takes at least and at most, according to how long they took.
const REMOVAL_MESSAGES_MIN: u64 = 16;
const REMOVAL_MESSAGES_MAX: u64 = 512;

/// How long the thread rests for each time that it was at work: it takes a fifth of the writer's
/// time, and of a core's.
const RESTS_PER_WORK: u32 = 4;

/// The least that it rests, so that whoever waited for the writer has it.
const REST_MIN: Duration = Duration::from_millis(1);

/// How often it looks whether little was written.
const LET_GO_EVERY: Duration = Duration::from_secs(10);

/// What the thread needs.
pub(super) struct Sweeper {
    pub(super) connection: Connection,
    pub(super) writer: SharedWriter,
    pub(super) queue: Arc<Queue<Append>>,
    pub(super) keeping: Keeping,
    /// Nothing comes through it: it is closed when the thread is to end.
    pub(super) stop: Receiver<()>,
}

/// Why a round ended early.
enum Early {
    /// The thread is to end.
    Stop,
    /// Nothing can be read or written now: the next round tries again.
    Failed,
}

/// What is no longer kept now.
struct Old {
    /// The times of messages that are not too old.
    timely: Option<Timely>,
    /// More messages than this in a room are too many. A room is left alone until they are so by
    /// more than the slack ([`super::append::TRIM_SLACK_MESSAGES`]).
    messages_max: Option<u64>,
}

/// A room, as one look shows it.
struct Seen {
    row: i64,
    room: RoomId,
    oldest: MessageId,
    oldest_ts: UnixMillis,
    newest: MessageId,
}

/// Runs until it is stopped.
pub(super) fn run(sweeper: &Sweeper) {
    let every = sweeper.keeping.sweep_every;
    let mut swept = Instant::now();
    loop {
        let left = every.saturating_sub(swept.elapsed());
        if sweeper.rest(left.min(LET_GO_EVERY)).is_err() {
            return;
        }
        if swept.elapsed() >= every {
            if let Err(Early::Stop) = sweeper.sweep() {
                return;
            }
            swept = Instant::now();
        }
        if let Err(Early::Stop) = sweeper.let_go() {
            return;
        }
    }
}

impl Sweeper {
    /// One round, and what is said of it.
    fn sweep(&self) -> Result<(), Early> {
        let begun = Instant::now();
        let removed = self.round()?;
        if removed > 0 {
            let duration_ms = begun.elapsed().as_millis();
            tracing::info!(removed, duration_ms, "old messages were removed");
        }
        Ok(())
    }

    /// Goes through all rooms; answers with how many messages were removed.
    fn round(&self) -> Result<u64, Early> {
        let Keeping { messages_max, age_max, .. } = self.keeping;
        let old = Old {
            timely: old::timely(age_max),
            // With 0 nothing is stored any more; what is there stays.
            messages_max: (messages_max > 0).then_some(messages_max),
        };
        let (mut last_row, mut removed, mut step) = (0, 0, REMOVAL_MESSAGES_MIN);
        loop {
            let begun = Instant::now();
            let seen = look(&self.connection, last_row)?;
            let Some(last) = seen.last() else { return Ok(removed) };
            last_row = last.row;
            self.rest(begun.elapsed() * RESTS_PER_WORK)?;
            for seen in seen.iter().filter(|seen| seen.is_due(&old)) {
                let stays = self.first_to_stay(seen, &old)?;
                if stays > seen.oldest {
                    removed += self.clear(&seen.room, stays, &mut step)?;
                }
            }
        }
    }

    /// The oldest message of a room that stays. It is found before the writer is held up, and stays
    /// right, for what is said meanwhile stands behind it.
    fn first_to_stay(&self, seen: &Seen, old: &Old) -> Result<MessageId, Early> {
        let mut run = OldestRun::new(seen.oldest);
        if let Some(timely) = &old.timely {
            while !run.is_read() {
                let begun = Instant::now();
                run.read_on(&self.connection, seen.row, timely, RUN_MESSAGES)?;
                self.rest(begun.elapsed() * RESTS_PER_WORK)?;
            }
        }
        Ok(run.stays.max(seen.oldest + seen.too_many(old)))
    }

    /// Removes what is older than the message that stays in one room.
    fn clear(&self, room: &RoomId, stays: MessageId, step: &mut u64) -> Result<u64, Early> {
        let mut removed = 0;
        loop {
            let begun = Instant::now();
            let count = self.with_writer(|writer| writer.remove_old(room, stays, *step))?;
            let elapsed = begun.elapsed();
            removed += count;
            self.rest(elapsed * RESTS_PER_WORK)?;
            if count < *step {
                return Ok(removed);
            }
            *step = if elapsed < REMOVAL_AIM { *step * 2 } else { *step / 2 };
            *step = (*step).clamp(REMOVAL_MESSAGES_MIN, REMOVAL_MESSAGES_MAX);
        }
    }

    /// Gives memory back, its own and the writer's, while there is little to write.
    fn let_go(&self) -> Result<(), Early> {
        // Nothing is lost where it does not succeed.
        let _ = self.connection.execute_batch("PRAGMA shrink_memory");
        self.with_writer(|writer| Some(u64::from(writer.let_go()))).map(drop)
    }

    fn with_writer(&self, work: impl FnOnce(&mut Writer) -> Option<u64>) -> Result<u64, Early> {
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = guard.as_mut().ok_or(Early::Stop)?;
        let outcome = work(writer);
        let needs_thread = writer.needs_thread();
        drop(guard);
        if needs_thread {
            self.queue.nudge();
        } else {
            // The task that writes little does not wait for whoever holds the writer.
            self.queue.wake_for_waiting();
        }
        outcome.ok_or(Early::Failed)
    }

    fn rest(&self, time: Duration) -> Result<(), Early> {
        match self.stop.recv_timeout(time.max(REST_MIN)) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Early::Stop),
        }
    }
}

impl Seen {
    /// Whether there may be something to remove.
    fn is_due(&self, old: &Old) -> bool {
        // Behind one from the future there may be some that are too old.
        let begins_timely = old.timely.as_ref().is_none_or(|ts| ts.contains(&self.oldest_ts));
        let is_empty = self.oldest > self.newest;
        !is_empty && (!begins_timely || self.too_many(old) > TRIM_SLACK_MESSAGES)
    }

    /// By how many messages there are too many.
    fn too_many(&self, old: &Old) -> u64 {
        let count = self.newest + 1 - self.oldest;
        old.messages_max.map_or(0, |max| count.saturating_sub(max))
    }
}

impl From<rusqlite::Error> for Early {
    fn from(error: rusqlite::Error) -> Self {
        tracing::warn!(%error, "old messages could not be looked for");
        Self::Failed
    }
}

/// The next rooms that hold messages, or nothing when there are no further rooms.
fn look(connection: &Connection, after_row: i64) -> rusqlite::Result<Vec<Seen>> {
    let mut rooms = connection.prepare_cached(
        "SELECT id, name,
                (SELECT min(message.id) FROM message WHERE message.room = room.id),
                (SELECT max(message.id) FROM message WHERE message.room = room.id),
                (SELECT ts FROM message WHERE message.room = room.id ORDER BY message.id LIMIT 1)
         FROM room WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let limit = i64::try_from(LOOK_ROOMS).unwrap_or(i64::MAX);
    let rows = rooms.query_map([after_row, limit], |row| {
        let name: String = row.get(1)?;
        // A name that was stored is a name; an empty room has nothing to remove.
        let room = RoomId::new(&name).map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok(Seen {
            row: row.get(0)?,
            room,
            oldest: row.get::<_, Option<_>>(2)?.unwrap_or(1),
            newest: row.get::<_, Option<_>>(3)?.unwrap_or(0),
            oldest_ts: row.get::<_, Option<_>>(4)?.unwrap_or(UnixMillis::MAX),
        })
    })?;
    rows.collect()
}
