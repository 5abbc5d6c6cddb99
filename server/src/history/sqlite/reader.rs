//! The thread that reads. It sees everything that the writer had committed when it was asked.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::{mpsc, oneshot};
use xmeet_shared::{Cursor, MessageId, Nickname, Pid, RoomId};

use crate::history::HistoryError;
use crate::room::{Kept, Message, Stored};

/// What can be asked.
#[derive(Debug)]
pub(super) enum Request {
    /// What is held of a room.
    Load { room: RoomId, answer: oneshot::Sender<Result<Stored, HistoryError>> },
    /// Messages by their ids.
    Read {
        room: RoomId,
        ids: RangeInclusive<MessageId>,
        answer: oneshot::Sender<Result<Vec<Kept>, HistoryError>>,
    },
    /// Answer what came before this, and end.
    Stop,
}

/// Runs until it is told to stop.
pub(super) fn run(connection: &Connection, mut queue: mpsc::Receiver<Request>) {
    while let Some(request) = queue.blocking_recv() {
        // Whoever does not wait any more does not need the answer.
        match request {
            Request::Load { room, answer } => {
                let _ = answer.send(load(connection, &room).map_err(HistoryError::from));
            }
            Request::Read { room, ids, answer } => {
                let _ = answer.send(read(connection, &room, &ids).map_err(HistoryError::from));
            }
            Request::Stop => return,
        }
    }
}

fn load(connection: &Connection, room: &RoomId) -> rusqlite::Result<Stored> {
    // The room's row and its messages must be of one moment.
    let snapshot = connection.unchecked_transaction()?;
    let held: Option<(u64, u64)> = snapshot
        .prepare_cached("SELECT oldest, newest FROM room WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((oldest, newest)) = held else {
        return Ok(Stored { oldest: 1, newest: 0, tail: Vec::new() });
    };
    let tail = match Cursor(0).ids(&(oldest..=newest)) {
        Some(ids) => read(&snapshot, room, &ids)?,
        None => Vec::new(),
    };
    Ok(Stored { oldest, newest, tail })
}

fn read(
    connection: &Connection,
    room: &RoomId,
    ids: &RangeInclusive<MessageId>,
) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare_cached(
            "SELECT message.id, ts, pid, nickname, text
             FROM room JOIN message ON message.room = room.id
             WHERE room.name = ?1 AND message.id BETWEEN ?2 AND ?3
             ORDER BY message.id",
        )?
        .query_map(params![room.as_str(), ids.start(), ids.end()], kept)?
        .collect()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let message = Message {
        ts: row.get(1)?,
        from: Pid::from_wire(row.get_ref(2)?.as_str()?),
        nickname: Nickname::from_wire(row.get_ref(3)?.as_str()?),
        text: row.get(4)?,
    };
    Ok(Kept { id: row.get(0)?, message: Arc::new(message) })
}
