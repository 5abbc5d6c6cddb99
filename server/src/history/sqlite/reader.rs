//! The threads that read. Each sees everything that the writer had committed when it was asked.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Row, Statement, params};
use tokio::sync::oneshot;
use xmeet_allocator::give_back;
use xmeet_shared::{Cursor, MessageId, Nickname, Pid, RoomId};

use super::held::{self, Held};
use super::old;
use super::queue::{Queue, Weight};
use super::writer::guarded;
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
}

impl Weight for Request {
    fn weight(&self) -> usize {
        1
    }
}

impl Request {
    fn refuse(self, error: HistoryError) {
        match self {
            Self::Load { answer, .. } => drop(answer.send(Err(error))),
            Self::Read { answer, .. } => drop(answer.send(Err(error))),
        }
    }
}

/// How long a thread is not asked before it gives its memory back, again and again: what a room had
/// read when it was opened is freed when the room ends.
const IDLE: Duration = Duration::from_secs(10);

/// Runs until the queue is closed and everything that was in it is answered.
pub(super) fn run(connection: &Connection, queue: &Queue<Request>, age_max: Option<Duration>) {
    let mut pages = Pages::prepare(connection, age_max);
    let mut taken = Vec::new();
    // One at a time: the others are for the other readers.
    while queue.take(&mut taken, 1, 1, Some(IDLE)) {
        if taken.is_empty() {
            let_go(connection);
        }
        for request in taken.drain(..) {
            match &mut pages {
                Ok(pages) => answer(pages, request),
                Err(error) => request.refuse(HistoryError::from(&*error)),
            }
        }
    }
}

/// Gives back what was taken for pages and rooms, as far as it was freed by now.
fn let_go(connection: &Connection) {
    // Nothing is lost where it does not succeed.
    let _ = connection.execute_batch("PRAGMA shrink_memory");
    give_back();
}

fn answer(pages: &mut Pages<'_>, request: Request) {
    // Whoever does not wait any more does not need the answer.
    match request {
        Request::Load { room, answer } => {
            let _ = answer.send(guarded(|| pages.load(&room)));
        }
        Request::Read { room, ids, answer } => {
            let _ = answer.send(guarded(|| pages.read(&room, &ids)));
        }
    }
}

/// The database as a reader sees it: its statements, prepared once.
struct Pages<'c> {
    connection: &'c Connection,
    page: Statement<'c>,
    /// What is older is not shown, whether or not it has been removed already.
    age_max: Option<Duration>,
}

impl<'c> Pages<'c> {
    fn prepare(connection: &'c Connection, age_max: Option<Duration>) -> rusqlite::Result<Self> {
        let page = connection.prepare(
            "SELECT message.id, ts, pid, nickname, text
             FROM room JOIN message ON message.room = room.id
             WHERE room.name = ?1 AND message.id BETWEEN ?2 AND ?3
             ORDER BY message.id",
        )?;
        Ok(Self { connection, page, age_max })
    }

    fn load(&mut self, room: &RoomId) -> rusqlite::Result<Stored> {
        // The room's row and its messages must be of one moment.
        let _snapshot = self.connection.unchecked_transaction()?;
        let Some(held) = held::find(self.connection, room)? else {
            return Ok(Stored::default());
        };
        let Held { row, mut oldest, newest } = held;
        let timely = old::timely(self.age_max);
        if let Some(timely) = &timely {
            oldest = old::first_to_stay(self.connection, row, oldest, timely)?;
        }
        let Some(ids) = Cursor(0).ids(&(oldest..=newest)) else {
            return Ok(Stored { oldest, newest, ..Stored::default() });
        };
        let timely_before = match &timely {
            Some(timely) if oldest < *ids.start() => {
                old::timely_before(self.connection, row, *ids.start(), timely)?
            }
            _ => None,
        };
        Ok(Stored { oldest, newest, tail: self.messages(room, &ids)?, timely_before })
    }

    fn read(
        &mut self,
        room: &RoomId,
        ids: &RangeInclusive<MessageId>,
    ) -> rusqlite::Result<Vec<Kept>> {
        let mut page = self.messages(room, ids)?;
        // A page that begins with a timely message is whole: what goes stands before that.
        if let (Some(timely), Some(first)) = (old::timely(self.age_max), page.first())
            && !timely.contains(&first.message.ts)
            && let Some(Held { row, oldest, .. }) = held::find(self.connection, room)?
        {
            let stays = old::first_to_stay(self.connection, row, oldest, &timely)?;
            page.retain(|kept| kept.id >= stays);
        }
        Ok(page)
    }

    /// Messages as they are held, too old or not.
    fn messages(
        &mut self,
        room: &RoomId,
        ids: &RangeInclusive<MessageId>,
    ) -> rusqlite::Result<Vec<Kept>> {
        let rows = self.page.query_map(params![room.as_str(), ids.start(), ids.end()], kept)?;
        rows.collect()
    }
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
