//! What the database holds of a room: its row, and how far its ids have come.
//!
//! An append does not write the room's row: the newest message always stays, so the messages
//! themselves say where the ids go on.

use rusqlite::{Connection, OptionalExtension};
use xmeet_shared::{MessageId, RoomId};

/// What the database holds of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// The room's row.
    pub(super) row: i64,
    /// The oldest message; 1 more than `newest` when there is none.
    pub(super) oldest: MessageId,
    /// The newest id that was ever given out.
    pub(super) newest: MessageId,
}

/// Looks a room up; `None` when it was never seen. The caller's transaction makes what it finds one
/// moment.
pub(super) fn find(connection: &Connection, room: &RoomId) -> rusqlite::Result<Option<Held>> {
    let found: Option<(i64, MessageId)> = connection
        .prepare_cached("SELECT id, spent FROM room WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, spent)) = found else { return Ok(None) };
    // One search each: asked for together, both would be found by reading every row.
    let (first, last): (Option<MessageId>, Option<MessageId>) = connection
        .prepare_cached(
            "SELECT (SELECT min(id) FROM message WHERE room = ?1),
                    (SELECT max(id) FROM message WHERE room = ?1)",
        )?
        .query_row([row], |ends| Ok((ends.get(0)?, ends.get(1)?)))?;
    let newest = last.unwrap_or(0).max(spent);
    Ok(Some(Held { row, oldest: first.unwrap_or(newest + 1), newest }))
}
