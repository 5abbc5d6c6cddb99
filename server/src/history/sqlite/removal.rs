//! Deletes the oldest messages of rooms. Each transaction has a budget in messages and in bytes, because
//! clients choose how long messages are and the writer is blocked while a transaction runs.

use rusqlite::{Connection, params};
use xmeet_shared::MessageId;

/// Estimated bytes that a message takes beside its text: pid, nickname, numbers.
pub(super) const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Bytes of messages that one transaction may delete beyond the bytes that it inserts. The first
/// message of a transaction is deleted even if it is longer.
pub(super) const REMOVED_BYTES_MAX: u64 = 1024 * 1024;

/// A bound above every id, to delete all messages of a room.
pub(super) const ALL_MESSAGES: MessageId = MessageId::MAX >> 1;

/// The number of messages and bytes that a transaction may still delete.
#[derive(Debug)]
pub(super) struct RemovalBudget {
    messages: u64,
    bytes: u64,
    removed_messages: u64,
}

/// The result of deleting messages of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removal {
    /// How many messages were deleted.
    pub(super) messages: u64,
    /// Every message below this id is gone.
    pub(super) first_remaining: MessageId,
    /// Whether all requested messages are gone. If not, the budget ran out.
    pub(super) is_complete: bool,
}

impl RemovalBudget {
    /// Allows this many messages and [`REMOVED_BYTES_MAX`].
    pub(super) fn for_messages(messages: u64) -> Self {
        Self { messages, bytes: REMOVED_BYTES_MAX, removed_messages: 0 }
    }

    /// Adds to the allowed bytes.
    pub(super) fn with_extra_bytes(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), ..self }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// Deducts a message of this many bytes. Returns whether the budget allows it; if not, the
    /// budget is spent.
    fn take(&mut self, bytes: u64) -> bool {
        let is_first = self.removed_messages == 0;
        if self.messages == 0 || (bytes > self.bytes && !is_first) {
            self.bytes = 0;
            return false;
        }
        self.messages -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.removed_messages += 1;
        true
    }
}

/// Deletes the messages of a room with ids below `below`, oldest first, until the budget is spent.
pub(super) fn remove_below(
    connection: &Connection,
    row: i64,
    below: MessageId,
    budget: &mut RemovalBudget,
) -> rusqlite::Result<Removal> {
    // SQLite stores a text's length at the start of its row: octet_length() reads no overflow pages.
    let mut oldest = connection.prepare_cached(
        "SELECT id, octet_length(text) FROM message WHERE room = ?1 AND id < ?2
         ORDER BY id LIMIT ?3",
    )?;
    // One row more than the budget shows whether messages remain.
    let limit = budget.messages.saturating_add(1);
    let mut rows = oldest.query(params![row, below, limit])?;
    let mut removal = Removal { messages: 0, first_remaining: below, is_complete: true };
    while let Some(message) = rows.next()? {
        let text_bytes: u64 = message.get(1)?;
        if !budget.take(text_bytes + MESSAGE_OVERHEAD_BYTES as u64) {
            removal = Removal { first_remaining: message.get(0)?, is_complete: false, ..removal };
            break;
        }
        removal.messages += 1;
    }
    drop(rows);
    if removal.messages > 0 {
        connection
            .prepare_cached("DELETE FROM message WHERE room = ?1 AND id < ?2")?
            .execute(params![row, removal.first_remaining])?;
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a database whose room 7 has messages of these lengths in bytes, from id 1 on.
    fn room_of(lengths: &[usize]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE message (room, id, text, PRIMARY KEY (room, id)) WITHOUT ROWID;
                 INSERT INTO message VALUES (6, 1, 'other'), (8, 1, 'other');",
            )
            .unwrap();
        for (id, length) in (1_u64..).zip(lengths) {
            let message = params![7, id, "\u{1f600}".repeat(length / 4)];
            connection.execute("INSERT INTO message VALUES (?1, ?2, ?3)", message).unwrap();
        }
        connection
    }

    fn remove(
        connection: &Connection,
        below: MessageId,
        mut budget: RemovalBudget,
    ) -> (u64, u64, bool) {
        let removal = remove_below(connection, 7, below, &mut budget).unwrap();
        (removal.messages, removal.first_remaining, removal.is_complete)
    }

    #[test]
    fn transaction_removes_few_long_or_many_short_messages() {
        let long = room_of(&[65_536; 100]);
        assert_eq!(remove(&long, 101, RemovalBudget::for_messages(512)), (15, 16, false));
        assert_eq!(remove(&long, 17, RemovalBudget::for_messages(512)), (1, 17, true));
        let short = room_of(&[4; 1000]);
        assert_eq!(
            remove(&short, ALL_MESSAGES, RemovalBudget::for_messages(512)),
            (512, 513, false)
        );
        assert_eq!(
            remove(&short, ALL_MESSAGES, RemovalBudget::for_messages(512)),
            (488, ALL_MESSAGES, true)
        );
        let others = "SELECT count(*) FROM message";
        assert_eq!(short.query_row(others, [], |row| row.get(0)), Ok(2));
    }

    #[test]
    fn message_over_the_budget_is_removed_alone() {
        let room = room_of(&[3_000_000, 4, 4]);
        assert_eq!(remove(&room, ALL_MESSAGES, RemovalBudget::for_messages(512)), (1, 2, false));
        assert_eq!(remove(&room, ALL_MESSAGES, RemovalBudget::for_messages(0)), (0, 2, false));
    }

    #[test]
    fn rooms_of_one_transaction_share_its_budget() {
        let room = room_of(&[600_000, 600_000]);
        let mut budget = RemovalBudget::for_messages(512);
        assert_eq!(remove_below(&room, 7, 2, &mut budget).unwrap().messages, 1);
        assert_eq!(remove_below(&room, 7, 3, &mut budget).unwrap().messages, 0);
        assert!(budget.is_spent());
        let mut budget = RemovalBudget::for_messages(512).with_extra_bytes(600_000);
        assert_eq!(remove_below(&room, 8, ALL_MESSAGES, &mut budget).unwrap().messages, 1);
        assert_eq!(remove_below(&room, 7, 3, &mut budget).unwrap().messages, 1);
    }
}
