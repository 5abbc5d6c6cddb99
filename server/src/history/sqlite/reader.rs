//! The reader threads. A read sees every commit that precedes its request.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Row, Statement, params};
use tokio::sync::oneshot;
use xmeet_shared::{Cursor, MessageId, Nickname, Pid, RoomId};

use super::database::Database;
use super::expiry;
use super::leases::{Lease, Leases};
use super::queue::{Weight, WorkQueue};
use super::room_range::{self, RoomRange};
use super::writer::{catch_panic, problem_text};
use crate::history::{HistoryError, OpenRoom};
use crate::readiness::Health;
use crate::room::{Message, RoomHistory, StoredMessage};

/// A request to a reader thread.
#[derive(Debug)]
pub(super) enum Request {
    /// Opens a room and reads its newest page.
    Load { room: RoomId, result: oneshot::Sender<Result<OpenRoom, HistoryError>> },
    /// Reads messages by id.
    Read {
        room: RoomId,
        ids: RangeInclusive<MessageId>,
        result: oneshot::Sender<Result<Vec<StoredMessage>, HistoryError>>,
    },
}

impl Weight for Request {
    fn weight(&self) -> usize {
        1
    }
}

impl Request {
    fn target(&self) -> Target {
        match self {
            Self::Load { room, .. } => (room.clone(), None),
            Self::Read { room, ids, .. } => (room.clone(), Some(ids.clone())),
        }
    }

    fn fail(self, error: HistoryError) {
        match self {
            Self::Load { result, .. } => drop(result.send(Err(error))),
            Self::Read { result, .. } => drop(result.send(Err(error))),
        }
    }
}

/// A thread without requests for this long releases memory, and again after each such period. Much
/// of what it read for a room is freed only when the room closes.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Time between two retries of a failed read.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Reports the outcome of reads to [`Health`].
pub(super) struct ReaderHealth {
    pub(super) health: Arc<Health>,
    /// The number of the reader thread.
    pub(super) number: usize,
}

impl ReaderHealth {
    fn record(&self, outcome: &Result<(), HistoryError>) {
        self.health.record_read(self.number, problem_text(outcome));
    }
}

/// What a request reads: a room, and its message ids, or `None` to open the room.
type Target = (RoomId, Option<RangeInclusive<MessageId>>);

/// A failed read. The thread retries it to find out when the store works again.
struct FailedRead {
    target: Target,
    last_try: Instant,
}

/// Runs a reader thread until the queue is closed and empty.
pub(super) fn run(
    (connection, opener): (&Database, &RoomOpener),
    queue: &WorkQueue<Request>,
    age_max: Option<Duration>,
    health: &ReaderHealth,
) {
    let mut reader = RoomReader::prepare(connection, opener, age_max);
    let mut taken = Vec::new();
    let mut failed: Option<FailedRead> = None;
    loop {
        let wait_max = if failed.is_some() { RETRY_INTERVAL } else { IDLE_TIME };
        // Takes a single request and leaves the others to the other readers.
        if !queue.take(&mut taken, 1, 1, Some(wait_max)) {
            return;
        }
        if reader.is_err() {
            reader = RoomReader::prepare(connection, opener, age_max);
        }
        if taken.is_empty() {
            // Frees cached pages. A failure only delays this.
            let _ = connection.execute_batch("PRAGMA shrink_memory");
        }
        for request in taken.drain(..) {
            let target = request.target();
            let outcome = match &mut reader {
                Ok(reader) => serve(reader, request),
                Err(error) => {
                    let error = HistoryError::from(&*error);
                    request.fail(error.clone());
                    Err(error)
                }
            };
            if outcome.is_err() {
                health.record(&outcome);
                failed = Some(FailedRead { target, last_try: Instant::now() });
            }
        }
        if let (Some(read), Ok(reader)) = (&mut failed, &mut reader)
            && read.last_try.elapsed() >= RETRY_INTERVAL
        {
            read.last_try = Instant::now();
            let outcome = retry(reader, &read.target);
            health.record(&outcome);
            if outcome.is_ok() {
                failed = None;
            }
        }
    }
}

/// Executes a request and sends its result. Returns whether the read succeeded.
fn serve(reader: &mut RoomReader<'_>, request: Request) -> Result<(), HistoryError> {
    // `send` fails if the caller has gone away, which does not matter here.
    match request {
        Request::Load { room, result } => {
            let found = catch_panic(|| reader.open(&room));
            let outcome = found.as_ref().map(drop).map_err(Clone::clone);
            let _ = result.send(found);
            outcome
        }
        Request::Read { room, ids, result } => {
            let found = catch_panic(|| reader.read(&room, &ids));
            let outcome = found.as_ref().map(drop).map_err(Clone::clone);
            let _ = result.send(found);
            outcome
        }
    }
}

/// Repeats a failed read, and discards what it reads.
fn retry(reader: &mut RoomReader<'_>, (room, ids): &Target) -> Result<(), HistoryError> {
    catch_panic(|| match ids {
        None => reader.open(room).map(drop),
        Some(ids) => reader.read(room, ids).map(drop),
    })
}

/// What all readers share to open rooms.
#[derive(Debug, Clone)]
pub(super) struct RoomOpener {
    pub(super) leases: Arc<Leases>,
    pub(super) store_epoch: Arc<str>,
}

/// Reads rooms and messages with prepared statements.
pub(super) struct RoomReader<'c> {
    connection: &'c Database,
    opener: &'c RoomOpener,
    select_messages: Statement<'c>,
    /// Older messages are hidden, even before the sweeper deletes them.
    age_max: Option<Duration>,
}

impl<'c> RoomReader<'c> {
    pub(super) fn prepare(
        connection: &'c Database,
        opener: &'c RoomOpener,
        age_max: Option<Duration>,
    ) -> rusqlite::Result<Self> {
        let select_messages = connection.prepare(
            "SELECT message.id, ts, pid, nickname, text
             FROM room JOIN message ON message.room = room.id
             WHERE room.name = ?1 AND message.id BETWEEN ?2 AND ?3
             ORDER BY message.id",
        )?;
        Ok(Self { connection, opener, select_messages, age_max })
    }

    /// Opens a room and reads its newest page.
    pub(super) fn open(&mut self, room: &RoomId) -> rusqlite::Result<OpenRoom> {
        // The lease comes first: without it, the room could be evicted after it was read.
        let lease = self.opener.leases.open(room);
        let (stored, generation) = self.load(room, &lease)?;
        let epoch = match generation {
            0 => Arc::clone(&self.opener.store_epoch),
            _ => format!("{}.{generation}", self.opener.store_epoch).into(),
        };
        Ok(OpenRoom { stored, epoch, lease: Box::new(lease) })
    }

    /// Returns the ids and the newest page of a leased room, and the room's generation.
    fn load(&mut self, room: &RoomId, lease: &Lease) -> rusqlite::Result<(RoomHistory, u64)> {
        // The room's row and its messages must come from the same snapshot.
        let _snapshot = self.connection.unchecked_transaction()?;
        let Some(range) = room_range::find(self.connection, room)? else {
            return Ok((RoomHistory::default(), lease.generation()));
        };
        lease.set_written_use(range.last_used);
        let RoomRange { row, mut oldest, newest, generation, .. } = range;
        let valid = expiry::valid_times(self.age_max);
        if let Some(valid) = &valid {
            oldest = expiry::first_retained(self.connection, row, oldest, valid)?;
        }
        let Some(ids) = Cursor(0).ids(&(oldest..=newest)) else {
            return Ok((RoomHistory { oldest, newest, ..RoomHistory::default() }, generation));
        };
        let valid_before = match &valid {
            Some(valid) if oldest < *ids.start() => {
                expiry::last_valid_before(self.connection, row, *ids.start(), valid)?
            }
            _ => None,
        };
        let tail = self.messages(room, &ids)?;
        Ok((RoomHistory { oldest, newest, tail, valid_before }, generation))
    }

    /// Returns the messages with these ids that have not expired.
    pub(super) fn read(
        &mut self,
        room: &RoomId,
        ids: &RangeInclusive<MessageId>,
    ) -> rusqlite::Result<Vec<StoredMessage>> {
        let mut page = self.messages(room, ids)?;
        // Messages expire as a prefix that ends before the first valid time, so a page that begins
        // with a valid time contains no expired message.
        if let (Some(valid), Some(first)) = (expiry::valid_times(self.age_max), page.first())
            && !valid.contains(&first.message.ts)
            && let Some(RoomRange { row, oldest, .. }) = room_range::find(self.connection, room)?
        {
            let first_retained = expiry::first_retained(self.connection, row, oldest, &valid)?;
            page.retain(|kept| kept.id >= first_retained);
        }
        Ok(page)
    }

    /// Returns the stored messages with these ids, expired ones included.
    fn messages(
        &mut self,
        room: &RoomId,
        ids: &RangeInclusive<MessageId>,
    ) -> rusqlite::Result<Vec<StoredMessage>> {
        let parameters = params![room.as_str(), ids.start(), ids.end()];
        let rows = self.select_messages.query_map(parameters, read_message)?;
        rows.collect()
    }
}

fn read_message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    let message = Message {
        ts: row.get(1)?,
        from: Pid::from_wire(row.get_ref(2)?.as_str()?),
        nickname: Nickname::from_wire(row.get_ref(3)?.as_str()?),
        text: row.get(4)?,
    };
    Ok(StoredMessage { id: row.get(0)?, message: Arc::new(message) })
}
