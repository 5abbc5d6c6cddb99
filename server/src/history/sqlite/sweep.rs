//! The sweeper thread: deletes expired messages, and messages beyond a room's limit, in all rooms.
//!
//! It scans every room at a fixed interval with its own connection. To delete, it locks the writer
//! for a small batch and then pauses, so that no append waits noticeably. Rooms with new messages are
//! also trimmed to their limit as part of the appends ([`super::append`]).
//!
//! Between sweeps it releases the memory of caches when few messages were written lately.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use xmeet_shared::{MessageId, RoomId, UnixMillis};

use super::Retention;
use super::append::{Append, TRIM_SLACK_MESSAGES};
use super::database::Database;
use super::expiry::{self, ExpiredPrefix, SCAN_MESSAGES};
use super::queue::WorkQueue;
use super::room_name;
use super::writer::{SharedWriter, Writer};
use crate::room::ValidTimes;

/// Rooms that one query returns.
const QUERY_ROOMS: usize = 256;

/// Target duration of one batch of deletions. No message can be stored meanwhile.
const BATCH_TIME_TARGET: Duration = Duration::from_millis(1);

/// Messages per batch of deletions. The size adapts to [`BATCH_TIME_TARGET`] within these bounds.
const BATCH_MESSAGES_MIN: u64 = 16;
const BATCH_MESSAGES_MAX: u64 = 512;

/// The thread pauses four times as long as it works, so it uses a fifth of the writer's time and of a
/// core.
const PAUSES_PER_WORK: u32 = 4;

/// Minimum pause, which lets a waiting thread lock the writer.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// Time between two attempts to release memory.
const MEMORY_RELEASE_INTERVAL: Duration = Duration::from_secs(10);

/// The parts that the sweeper thread works with.
pub(super) struct Sweeper {
    pub(super) connection: Database,
    pub(super) writer: SharedWriter,
    pub(super) queue: Arc<WorkQueue<Append>>,
    pub(super) retention: Retention,
    /// Carries no messages. The thread stops when its sender is dropped.
    pub(super) stop: Receiver<()>,
}

/// Why a sweep ended early.
enum SweepAborted {
    /// The thread has to stop.
    Stopped,
    /// A read or a write failed. The next sweep tries again.
    Failed,
}

/// The rules by which messages expire, evaluated at the start of a sweep.
struct Rules {
    /// Timestamps of messages that have not expired; `None` if messages never expire.
    valid: Option<ValidTimes>,
    /// Messages allowed per room; `None` for no limit. A room is swept only if it exceeds the limit
    /// by more than [`TRIM_SLACK_MESSAGES`].
    messages_max: Option<u64>,
}

/// A room with its oldest and newest message, as [`list_rooms`] returns it.
pub(super) struct RoomSummary {
    row: i64,
    room: RoomId,
    oldest: MessageId,
    oldest_ts: UnixMillis,
    newest: MessageId,
}

/// Runs the sweeper thread until it is stopped.
pub(super) fn run(sweeper: &Sweeper) {
    let interval = sweeper.retention.sweep_interval;
    let mut last_sweep = Instant::now();
    loop {
        let until_sweep = interval.saturating_sub(last_sweep.elapsed());
        if sweeper.pause(until_sweep.min(MEMORY_RELEASE_INTERVAL)).is_err() {
            return;
        }
        if last_sweep.elapsed() >= interval {
            if let Err(SweepAborted::Stopped) = sweeper.sweep() {
                return;
            }
            last_sweep = Instant::now();
        }
        if let Err(SweepAborted::Stopped) = sweeper.release_memory() {
            return;
        }
    }
}

impl Sweeper {
    /// Sweeps all rooms once, and logs how many messages were deleted.
    fn sweep(&self) -> Result<(), SweepAborted> {
        let start = Instant::now();
        let removed = self.sweep_rooms()?;
        if removed > 0 {
            let duration_ms = start.elapsed().as_millis();
            tracing::info!(removed, duration_ms, "old messages were removed");
        }
        Ok(())
    }

    /// Sweeps all rooms once. Returns how many messages were deleted.
    fn sweep_rooms(&self) -> Result<u64, SweepAborted> {
        let Retention { messages_max, age_max, .. } = self.retention;
        let rules = Rules {
            valid: expiry::valid_times(age_max),
            // With 0 the server stores no new messages, and the existing ones are left.
            messages_max: (messages_max > 0).then_some(messages_max),
        };
        let (mut last_row, mut removed, mut batch_messages) = (0, 0, BATCH_MESSAGES_MIN);
        loop {
            let start = Instant::now();
            let rooms = list_rooms(&self.connection, last_row)?;
            let Some(&(row, _)) = rooms.last() else { return Ok(removed) };
            last_row = row;
            self.pause(start.elapsed() * PAUSES_PER_WORK)?;
            let rooms = rooms.iter().filter_map(|(_, room)| room.as_ref());
            for room in rooms.filter(|room| room.may_have_expired(&rules)) {
                let first_retained = self.first_retained(room, &rules)?;
                if first_retained > room.oldest {
                    removed += self.remove_below(room, first_retained, &mut batch_messages)?;
                }
            }
        }
    }

    /// Returns the id of the oldest message that stays in a room. Does not lock the writer: new
    /// messages come after this one and do not change the result.
    fn first_retained(&self, room: &RoomSummary, rules: &Rules) -> Result<MessageId, SweepAborted> {
        let mut prefix = ExpiredPrefix::new(room.oldest);
        if let Some(valid) = &rules.valid {
            while !prefix.is_complete() {
                let start = Instant::now();
                prefix.advance(&self.connection, room.row, valid, SCAN_MESSAGES)?;
                self.pause(start.elapsed() * PAUSES_PER_WORK)?;
            }
        }
        Ok(prefix.first_retained.max(room.oldest + room.surplus(rules)))
    }

    /// Deletes a room's messages below `first_retained` in batches, and adapts the batch size. Returns
    /// how many messages were deleted.
    fn remove_below(
        &self,
        room: &RoomSummary,
        first_retained: MessageId,
        batch_messages: &mut u64,
    ) -> Result<u64, SweepAborted> {
        let mut removed = 0;
        loop {
            let start = Instant::now();
            let target = (&room.room, room.row);
            let batch = self
                .with_writer(|writer| writer.remove_old(target, first_retained, *batch_messages))?;
            let elapsed = start.elapsed();
            removed += batch.messages;
            self.pause(elapsed * PAUSES_PER_WORK)?;
            if batch.is_complete {
                return Ok(removed);
            }
            let is_fast = elapsed < BATCH_TIME_TARGET;
            *batch_messages = if is_fast { *batch_messages * 2 } else { *batch_messages / 2 };
            *batch_messages = (*batch_messages).clamp(BATCH_MESSAGES_MIN, BATCH_MESSAGES_MAX);
        }
    }

    /// Releases the caches of this thread, and those of the writer if it is idle.
    fn release_memory(&self) -> Result<(), SweepAborted> {
        // A failure only delays the release.
        let _ = self.connection.execute_batch("PRAGMA shrink_memory");
        self.with_writer(|writer| Some(writer.release_memory())).map(drop)
    }

    /// Runs `work` with the writer locked. Wakes the writer's thread afterwards if it has work to do.
    /// Fails if `work` returns `None`.
    fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Writer) -> Option<T>,
    ) -> Result<T, SweepAborted> {
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = guard.as_mut().ok_or(SweepAborted::Stopped)?;
        let outcome = work(writer);
        let has_due_work = writer.has_due_work();
        drop(guard);
        if has_due_work {
            self.queue.wake();
        }
        outcome.ok_or(SweepAborted::Failed)
    }

    /// Sleeps for `time`, at least [`PAUSE_MIN`], or until the thread has to stop.
    fn pause(&self, time: Duration) -> Result<(), SweepAborted> {
        match self.stop.recv_timeout(time.max(PAUSE_MIN)) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(SweepAborted::Stopped),
        }
    }
}

impl RoomSummary {
    /// Returns `false` only if no message of the room has to be deleted.
    fn may_have_expired(&self, rules: &Rules) -> bool {
        // Expired messages may follow one with a future timestamp, so that one is not valid either.
        let begins_valid = rules.valid.as_ref().is_none_or(|ts| ts.contains(&self.oldest_ts));
        let is_empty = self.oldest > self.newest;
        !is_empty && (!begins_valid || self.surplus(rules) > TRIM_SLACK_MESSAGES)
    }

    /// Returns by how many messages the room exceeds its limit.
    fn surplus(&self, rules: &Rules) -> u64 {
        let count = self.newest + 1 - self.oldest;
        rules.messages_max.map_or(0, |max| count.saturating_sub(max))
    }
}

impl From<rusqlite::Error> for SweepAborted {
    fn from(error: rusqlite::Error) -> Self {
        tracing::warn!(%error, "failed to scan for expired messages");
        Self::Failed
    }
}

/// Returns the next rooms after a row, each with its row. Empty after the last room. A room with an
/// invalid name has no summary.
pub(super) fn list_rooms(
    connection: &Connection,
    after_row: i64,
) -> rusqlite::Result<Vec<(i64, Option<RoomSummary>)>> {
    let mut rooms = connection.prepare_cached(
        "SELECT id, name,
                (SELECT min(message.id) FROM message WHERE message.room = room.id),
                (SELECT max(message.id) FROM message WHERE message.room = room.id),
                (SELECT ts FROM message WHERE message.room = room.id ORDER BY message.id LIMIT 1)
         FROM room WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let limit = i64::try_from(QUERY_ROOMS).unwrap_or(i64::MAX);
    let rows = rooms.query_map([after_row, limit], |row| {
        let id = row.get(0)?;
        let Some(room) = room_name::read(row, "name")? else { return Ok((id, None)) };
        let summary = RoomSummary {
            row: id,
            room,
            // A room without messages gets an empty range.
            oldest: row.get::<_, Option<_>>(2)?.unwrap_or(1),
            newest: row.get::<_, Option<_>>(3)?.unwrap_or(0),
            oldest_ts: row.get::<_, Option<_>>(4)?.unwrap_or(UnixMillis::MAX),
        };
        Ok((id, Some(summary)))
    })?;
    rows.collect()
}
