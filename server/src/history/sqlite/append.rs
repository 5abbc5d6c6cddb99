//! What one transaction does: inserts the messages of many appends, and removes old ones.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;
use xmeet_shared::{MessageId, RoomId};

use super::held::{self, Held};
use super::queue::Weight;
use crate::history::HistoryError;
use crate::room::Message;

/// Rooms whose place in the database is remembered, so that an append looks nothing up.
const ROOMS_CACHED_MAX: usize = 64 * 1024;

/// Messages that a room may hold beyond its limit before they are removed, all at once: pages of
/// the database that hold old messages are then written once in a while, not with every append.
/// The room shows none of them.
pub(super) const TRIM_SLACK_MESSAGES: u64 = 128;

/// Old messages that one transaction removes at most, beyond as many as it adds. It bounds how
/// long a lowered limit on the history can hold up the writer.
pub(super) const TRIM_EXTRA_MESSAGES_MAX: u64 = 1024;

/// What a message weighs beside its text, in bytes: pid, nickname, numbers.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Messages to keep, and where to say so.
#[derive(Debug)]
pub(super) struct Append {
    room: RoomId,
    messages: Vec<Arc<Message>>,
    /// About how much will be written for it, in bytes.
    bytes: usize,
    pub(super) answer: oneshot::Sender<Result<MessageId, HistoryError>>,
}

impl Weight for Append {
    fn weight(&self) -> usize {
        self.bytes
    }
}

impl Append {
    /// How many messages it is.
    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn new(
        room: RoomId,
        messages: Vec<Arc<Message>>,
        answer: oneshot::Sender<Result<MessageId, HistoryError>>,
    ) -> Self {
        let bytes =
            messages.iter().map(|message| message.text.len() + MESSAGE_OVERHEAD_BYTES).sum();
        Self { room, messages, bytes, answer }
    }
}

/// What the writer knows of the rooms.
#[derive(Debug)]
pub(super) struct Appender {
    rooms: HashMap<RoomId, Held>,
    kept_max: u64,
}

impl Appender {
    pub(super) fn new(kept_max: u64) -> Self {
        // The newest message tells where the ids go on: it stays whatever the limit is.
        Self { rooms: HashMap::new(), kept_max: kept_max.max(1) }
    }

    /// Commits all of it, and answers with the first id of each append; or none of it, and then
    /// [`Self::abandon`] must be called.
    pub(super) fn commit(
        &mut self,
        connection: &Connection,
        batch: &[Append],
    ) -> rusqlite::Result<Vec<MessageId>> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let added: usize = batch.iter().map(|append| append.messages.len()).sum();
        let mut removable = added as u64 + TRIM_EXTRA_MESSAGES_MAX;
        let firsts = batch
            .iter()
            .map(|append| self.append(connection, append, &mut removable))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(firsts)
    }

    /// Removes the oldest messages of a room up to the one that stays, so many at most, and answers
    /// with how many. On an error [`Self::abandon`] must be called.
    pub(super) fn remove_old(
        &mut self,
        connection: &Connection,
        room: &RoomId,
        stays: MessageId,
        count_max: u64,
    ) -> rusqlite::Result<u64> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut removed = 0;
        if let Some(held) = held::find(connection, room)? {
            let stays = stays.clamp(held.oldest, held.oldest + count_max);
            removed = stays - held.oldest;
            if removed > 0 {
                delete_below(connection, held.row, stays)?;
            }
            if removed > 0 && stays > held.newest {
                // No message tells any more how far the ids have come.
                connection
                    .prepare_cached("UPDATE room SET spent = ?2 WHERE id = ?1")?
                    .execute(params![held.row, held.newest])?;
            }
            if let Some(known) = self.rooms.get_mut(room) {
                known.oldest = stays;
            }
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(removed)
    }

    /// Forgets what is known of the rooms, and gives back its memory.
    pub(super) fn forget_rooms(&mut self) {
        self.rooms = HashMap::new();
    }

    /// Takes back a transaction that failed, and forgets what it had changed of what is known.
    pub(super) fn abandon(&mut self, connection: &Connection) {
        self.rooms.clear();
        // Some errors have ended the transaction by themselves.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be taken back");
        }
    }

    fn append(
        &mut self,
        connection: &Connection,
        append: &Append,
        removable: &mut u64,
    ) -> rusqlite::Result<MessageId> {
        let mut held = match self.rooms.get(&append.room) {
            Some(held) => *held,
            None => find_or_add(connection, &append.room)?,
        };
        let first = held.newest + 1;
        let mut add = connection.prepare_cached(
            "INSERT INTO message (room, id, ts, pid, nickname, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for message in &append.messages {
            held.newest += 1;
            let Message { from, nickname, text, ts } = &**message;
            let (from, nickname) = (from.as_str(), nickname.as_str());
            add.execute(params![held.row, held.newest, ts, from, nickname, text])?;
        }
        self.trim(connection, &mut held, removable)?;
        self.remember(&append.room, held);
        Ok(first)
    }

    fn remember(&mut self, room: &RoomId, held: Held) {
        if let Some(known) = self.rooms.get_mut(room) {
            *known = held;
            return;
        }
        // Rooms that are still written come back by themselves.
        if self.rooms.len() >= ROOMS_CACHED_MAX {
            self.rooms.clear();
        }
        self.rooms.insert(room.clone(), held);
    }

    /// Removes messages that are no longer kept.
    fn trim(
        &self,
        connection: &Connection,
        held: &mut Held,
        removable: &mut u64,
    ) -> rusqlite::Result<()> {
        let surplus = (held.newest + 1 - held.oldest).saturating_sub(self.kept_max);
        if surplus <= TRIM_SLACK_MESSAGES || *removable == 0 {
            return Ok(());
        }
        let removed = surplus.min(*removable);
        *removable -= removed;
        held.oldest += removed;
        delete_below(connection, held.row, held.oldest)
    }
}

fn delete_below(connection: &Connection, row: i64, id: MessageId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM message WHERE room = ?1 AND id < ?2")?
        .execute(params![row, id])
        .map(drop)
}

fn find_or_add(connection: &Connection, room: &RoomId) -> rusqlite::Result<Held> {
    if let Some(held) = held::find(connection, room)? {
        return Ok(held);
    }
    let row = connection
        .prepare_cached("INSERT INTO room (name, spent) VALUES (?1, 0)")?
        .insert([room.as_str()])?;
    Ok(Held { row, oldest: 1, newest: 0 })
}
