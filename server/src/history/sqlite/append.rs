//! The contents of a write transaction: inserts the messages of a batch of appends and deletes
//! messages that exceed a room's limit.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;
use xmeet_shared::{MessageId, RoomId};

use super::leases::{Hour, Leases, this_hour};
use super::queue::Weight;
use super::removal::{MESSAGE_OVERHEAD_BYTES, Removal, RemovalBudget, remove_below};
use super::room_range::{self, RoomRange};
use crate::history::HistoryError;
use crate::room::Message;

/// Rooms in [`Appender`]'s cache, for which an append needs no lookup.
const ROOMS_CACHED_MAX: usize = 64 * 1024;

/// Messages that a room may hold beyond its limit before they are deleted, all at once. This way the
/// database pages of old messages are not rewritten on every append. Rooms do not show the extra
/// messages to clients.
pub(super) const TRIM_SLACK_MESSAGES: u64 = 128;

/// Old messages that one transaction may delete beyond the number that it inserts; their bytes are
/// bounded as well ([`super::removal`]). This limits how long the writer is busy with old messages
/// after an operator lowers the limit.
pub(super) const TRIM_EXTRA_MESSAGES_MAX: u64 = 1024;

/// A request to store messages in a room.
#[derive(Debug)]
pub(super) struct Append {
    room: RoomId,
    messages: Vec<Arc<Message>>,
    /// Estimated bytes that the transaction writes for it.
    bytes: usize,
    /// Receives the id of the first message.
    pub(super) result: oneshot::Sender<Result<MessageId, HistoryError>>,
}

impl Weight for Append {
    fn weight(&self) -> usize {
        self.bytes
    }
}

impl Append {
    pub(super) fn new(
        room: RoomId,
        messages: Vec<Arc<Message>>,
        result: oneshot::Sender<Result<MessageId, HistoryError>>,
    ) -> Self {
        let bytes =
            messages.iter().map(|message| message.text.len() + MESSAGE_OVERHEAD_BYTES).sum();
        Self { room, messages, bytes, result }
    }

    pub(super) fn message_count(&self) -> usize {
        self.messages.len()
    }
}

/// Writes messages to the database. Caches the row and the ids of recently written rooms.
#[derive(Debug)]
pub(super) struct Appender {
    rooms: HashMap<RoomId, RoomRange>,
    messages_max: u64,
    leases: Arc<Leases>,
}

impl Appender {
    /// Creates an appender that stores up to `messages_max` messages per room.
    pub(super) fn new(messages_max: u64, leases: Arc<Leases>) -> Self {
        // New ids continue from the newest message, so that one is always stored.
        Self { rooms: HashMap::new(), messages_max: messages_max.max(1), leases }
    }

    /// Commits a batch in one transaction. Returns the first id of each append.
    ///
    /// # Errors
    /// If any statement fails. The transaction may still be open: call [`Self::roll_back`].
    pub(super) fn commit(
        &mut self,
        connection: &Connection,
        batch: &[Append],
    ) -> rusqlite::Result<Vec<MessageId>> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let added: usize = batch.iter().map(Append::message_count).sum();
        let added_bytes: usize = batch.iter().map(|append| append.bytes).sum();
        let mut budget = RemovalBudget::for_messages(added as u64 + TRIM_EXTRA_MESSAGES_MAX)
            .with_extra_bytes(added_bytes as u64);
        let now = this_hour();
        let firsts = batch
            .iter()
            .map(|append| self.insert(connection, append, now, &mut budget))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(firsts)
    }

    /// Deletes messages of a room below `first_retained`, oldest first, in one transaction: at most
    /// `count_max`, and a bounded number of bytes. Deletes nothing if the room no longer has this
    /// row, because it was evicted.
    ///
    /// # Errors
    /// If any statement fails. The transaction may still be open: call [`Self::roll_back`].
    pub(super) fn remove_old(
        &mut self,
        connection: &Connection,
        room: (&RoomId, i64),
        first_retained: MessageId,
        count_max: u64,
    ) -> rusqlite::Result<Removal> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut budget = RemovalBudget::for_messages(count_max);
        let removal = self.remove_within(connection, room, first_retained, &mut budget)?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(removal)
    }

    /// Like [`Self::remove_old`], in the caller's transaction and within its budget.
    pub(super) fn remove_within(
        &mut self,
        connection: &Connection,
        (room, row): (&RoomId, i64),
        first_retained: MessageId,
        budget: &mut RemovalBudget,
    ) -> rusqlite::Result<Removal> {
        let found = room_range::find(connection, room)?;
        let Some(range) = found.filter(|range| range.row == row) else {
            return Ok(Removal { messages: 0, first_remaining: first_retained, is_complete: true });
        };
        let removal = remove_below(connection, row, first_retained, budget)?;
        let oldest = removal.first_remaining.max(range.oldest);
        if removal.messages > 0 && oldest > range.newest {
            // No message is left to show where the ids continue, so the row has to.
            connection
                .prepare_cached("UPDATE room SET spent = ?2 WHERE id = ?1")?
                .execute(params![row, range.newest])?;
        }
        if let Some(cached) = self.rooms.get_mut(room) {
            cached.oldest = oldest;
        }
        Ok(removal)
    }

    /// Drops evicted rooms from the cache.
    pub(super) fn forget(&mut self, rooms: &[RoomId]) {
        for room in rooms {
            self.rooms.remove(room);
        }
    }

    /// Empties the cache and frees its memory.
    pub(super) fn clear_cache(&mut self) {
        self.rooms = HashMap::new();
    }

    /// Rolls back a failed transaction, and empties the cache, which may contain its changes.
    pub(super) fn roll_back(&mut self, connection: &Connection) {
        self.rooms.clear();
        // SQLite rolls back by itself on some errors.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "failed to roll back a transaction");
        }
    }

    /// Inserts the messages of one append. Returns the id of the first.
    fn insert(
        &mut self,
        connection: &Connection,
        append: &Append,
        now: Hour,
        budget: &mut RemovalBudget,
    ) -> rusqlite::Result<MessageId> {
        let mut range = match self.rooms.get(&append.room) {
            Some(range) => *range,
            None => self.find_or_create(connection, &append.room, now)?,
        };
        if range.last_used < now {
            range.last_used = now;
            connection
                .prepare_cached("UPDATE room SET used = ?2 WHERE id = ?1")?
                .execute(params![range.row, now])?;
        }
        let first = range.newest + 1;
        let mut insert = connection.prepare_cached(
            "INSERT INTO message (room, id, ts, pid, nickname, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for message in &append.messages {
            range.newest += 1;
            let Message { from, nickname, text, ts } = &**message;
            let (from, nickname) = (from.as_str(), nickname.as_str());
            insert.execute(params![range.row, range.newest, ts, from, nickname, text])?;
        }
        self.trim(connection, &mut range, budget)?;
        self.cache(&append.room, range);
        Ok(first)
    }

    fn find_or_create(
        &self,
        connection: &Connection,
        room: &RoomId,
        now: Hour,
    ) -> rusqlite::Result<RoomRange> {
        if let Some(range) = room_range::find(connection, room)? {
            return Ok(range);
        }
        let generation = self.leases.generation_of_new(room);
        // Rows in `evicted` still own messages, so a new room must not get one of those row ids.
        let row = connection
            .prepare_cached(
                "INSERT INTO room (id, name, spent, generation, used) VALUES (
                    1 + max(coalesce((SELECT max(id) FROM room), 0),
                            coalesce((SELECT max(room) FROM evicted), 0)),
                    ?1, 0, ?2, ?3)",
            )?
            .insert(params![room.as_str(), generation, now])?;
        Ok(RoomRange { row, oldest: 1, newest: 0, generation, last_used: now })
    }

    fn cache(&mut self, room: &RoomId, range: RoomRange) {
        if let Some(cached) = self.rooms.get_mut(room) {
            *cached = range;
            return;
        }
        // Active rooms return to the cache with their next append.
        if self.rooms.len() >= ROOMS_CACHED_MAX {
            self.rooms.clear();
        }
        self.rooms.insert(room.clone(), range);
    }

    /// Deletes messages beyond the room's limit once they exceed [`TRIM_SLACK_MESSAGES`].
    fn trim(
        &self,
        connection: &Connection,
        range: &mut RoomRange,
        budget: &mut RemovalBudget,
    ) -> rusqlite::Result<()> {
        let surplus = (range.newest + 1 - range.oldest).saturating_sub(self.messages_max);
        if surplus > TRIM_SLACK_MESSAGES && !budget.is_spent() {
            let first_retained = range.oldest + surplus;
            let removal = remove_below(connection, range.row, first_retained, budget)?;
            range.oldest = removal.first_remaining;
        }
        Ok(())
    }
}
