//! Reads a room's row and the range of its message ids.
//!
//! Appends do not update the room's row. The newest message of a room is never removed by count, so
//! the messages themselves show where the ids continue.

use rusqlite::{Connection, OptionalExtension};
use xmeet_shared::{MessageId, RoomId};

use super::leases::Hour;

/// A room's row in the database and the range of its message ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomRange {
    /// The primary key in table `room`.
    pub(super) row: i64,
    /// The oldest stored id; `newest + 1` if no message is stored.
    pub(super) oldest: MessageId,
    /// The newest id ever assigned.
    pub(super) newest: MessageId,
    /// The store's eviction count when the room was created. Part of the room's epoch.
    pub(super) generation: u64,
    /// The last use of the room that the database knows of.
    pub(super) last_used: Hour,
}

/// Looks a room up by name. Returns `None` if the database has no such room. Call it within a
/// transaction if the row and the range must be from the same snapshot.
pub(super) fn find(connection: &Connection, room: &RoomId) -> rusqlite::Result<Option<RoomRange>> {
    let found: Option<(i64, MessageId, u64, Hour)> = connection
        .prepare_cached("SELECT id, spent, generation, used FROM room WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((row, spent, generation, last_used)) = found else { return Ok(None) };
    // Two subqueries, each one index lookup. A single SELECT of min and max would scan all messages.
    let (first, last): (Option<MessageId>, Option<MessageId>) = connection
        .prepare_cached(
            "SELECT (SELECT min(id) FROM message WHERE room = ?1),
                    (SELECT max(id) FROM message WHERE room = ?1)",
        )?
        .query_row([row], |ends| Ok((ends.get(0)?, ends.get(1)?)))?;
    let newest = last.unwrap_or(0).max(spent);
    let oldest = first.unwrap_or(newest + 1);
    Ok(Some(RoomRange { row, oldest, newest, generation, last_used }))
}
