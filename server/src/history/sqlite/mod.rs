//! The embedded engine: one SQLite database (WAL) in the data directory, one thread that writes,
//! some that read, one that moves what was written out of the log, and one that removes what is no
//! longer kept.
//!
//! The writer takes whatever waits and commits it in one transaction, so the price of a commit is
//! paid per batch and the batches grow with the load. While there is little, a task takes the
//! thread's place ([`prompt`]). While a server runs, no other program can
//! use the database, not even to read it.

mod append;
mod backup;
mod checkpoint;
mod error;
mod held;
mod identity;
mod old;
mod prompt;
mod queue;
mod reader;
mod schema;
mod sweep;
mod writer;

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use xmeet_shared::limits::HISTORY_KEPT_MESSAGES_DEFAULT;
use xmeet_shared::{MessageId, RoomId};

use super::{Answer, Health, History, HistoryError};
use crate::metrics::StoreMetrics;
use crate::room::{Kept, Message, Stored};
use append::Append;
use checkpoint::{Bounds, Turn, Watch};
pub use error::OpenError;
use queue::{Queue, Weight};
use reader::Request;
use sweep::Sweeper;
use writer::Writer;

/// The database's file name in the data directory.
const DATABASE_FILE: &str = "history.sqlite3";

/// Requests that may wait for the writer, and as many for the readers; further ones wait with
/// whoever asks.
const QUEUE_REQUESTS_MAX: usize = 1024;

/// Threads that read: a page that the disk is slow to give does not hold up the others.
const READER_THREADS: usize = 3;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SyncMode {
    /// The system has it: a crash of xmeet loses nothing, a power cut may lose the last seconds
    #[default]
    Normal,
    /// The disk has it: a power cut loses nothing either, and each commit waits for the disk
    Full,
}

/// Between two looks for messages that are no longer kept, in rooms that nobody writes to as well.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What is kept, and how safely.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Messages of each room. The newest is always kept for its number, so that its id does not
    /// come again; with 0 nothing is removed for its number in rooms that nobody writes to.
    pub messages_max: u64,
    /// How old a message may be; `None` keeps it for ever.
    pub age_max: Option<Duration>,
    /// What a commit waits for.
    pub sync: SyncMode,
    /// How often all rooms are looked at for messages that are no longer kept. What is too old is
    /// not shown from that moment on, whether or not it has been removed.
    pub sweep_every: Duration,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            messages_max: HISTORY_KEPT_MESSAGES_DEFAULT,
            age_max: None,
            sync: SyncMode::default(),
            sweep_every: SWEEP_EVERY,
        }
    }
}

/// How a data folder is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A server can start on it, as far as can be told without that.
    Free,
    /// A server runs on it.
    InUse,
}

/// Looks at a data folder, and changes nothing.
///
/// # Errors
/// [`OpenError`] says what stands in the way of a start.
pub fn examine(folder: &Path) -> Result<Standing, OpenError> {
    schema::examine(&folder.join(DATABASE_FILE))?;
    let is_locked = identity::is_locked(folder);
    let is_locked = is_locked.map_err(|source| OpenError::folder(folder, source))?;
    Ok(if is_locked { Standing::InUse } else { Standing::Free })
}

/// The engine.
#[derive(Debug)]
pub struct SqliteHistory {
    queues: Arc<Queues>,
    epoch: Arc<str>,
}

/// What [`SqliteHistory::open`] gives beside the engine.
#[derive(Debug)]
pub struct Opened {
    /// The engine.
    pub history: SqliteHistory,
    /// How often this data directory has been opened, this time included: what makes pids of this
    /// start differ from those of every other.
    pub creation: u64,
    /// What [`History::epoch`] says.
    pub epoch: Arc<str>,
    /// Whether it can write.
    pub health: Arc<Health>,
    /// To end the engine.
    pub threads: Threads,
}

/// The engine's threads.
#[derive(Debug)]
pub struct Threads {
    queues: Arc<Queues>,
    joins: Vec<JoinHandle<()>>,
    lock: File,
}

/// Where the threads are asked. They end when nobody can ask any more.
#[derive(Debug)]
struct Queues {
    writer: Arc<Queue<Append>>,
    reader: Arc<Queue<Request>>,
    /// The sweeper ends when this is dropped.
    sweeping: Mutex<Option<SyncSender<()>>>,
}

impl Queues {
    fn new(sweeping: SyncSender<()>) -> Self {
        Self {
            sweeping: Mutex::new(Some(sweeping)),
            writer: Arc::new(Queue::new(QUEUE_REQUESTS_MAX)),
            reader: Arc::new(Queue::new(QUEUE_REQUESTS_MAX)),
        }
    }

    fn close(&self) {
        self.writer.close();
        self.reader.close();
        *self.sweeping.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.close();
    }
}

impl Threads {
    /// Ends the engine when everything that it was sent is on disk, and answers then. What it is
    /// sent from here on is answered with [`HistoryError::Closed`].
    ///
    /// The waiting is done by a thread of its own, so that whoever cannot wait any longer can go:
    /// what was not answered by then was never promised to anybody.
    pub fn stop(self) -> oneshot::Receiver<()> {
        let (stopped, answer) = oneshot::channel();
        self.queues.close();
        thread::spawn(move || {
            for join in self.joins {
                if join.join().is_err() {
                    tracing::error!("a thread of the history panicked");
                }
            }
            // The folder is free only now.
            drop(self.lock);
            let _ = stopped.send(());
        });
        answer
    }
}

impl SqliteHistory {
    /// Opens the history in a folder, which is made when it is not there. `kept_max` messages of
    /// each room are kept; the newest always, so that its id does not come again.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way.
    pub fn open(folder: &Path, kept_max: u64) -> Result<Opened, OpenError> {
        let keeping = Keeping { messages_max: kept_max, ..Keeping::default() };
        Self::open_with(folder, &keeping, Arc::default())
    }

    /// As [`Self::open`], says in full what is kept and how safely, and counts its transactions in
    /// `counts`.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way.
    pub fn open_with(
        folder: &Path,
        keeping: &Keeping,
        counts: Arc<StoreMetrics>,
    ) -> Result<Opened, OpenError> {
        Self::open_with_bounds(folder, keeping, checkpoint::BOUNDS, counts)
    }

    fn open_with_bounds(
        folder: &Path,
        keeping: &Keeping,
        bounds: Bounds,
        counts: Arc<StoreMetrics>,
    ) -> Result<Opened, OpenError> {
        let mut lock = identity::lock_folder(folder)?;
        let path = folder.join(DATABASE_FILE);
        if let Err(error) = backup::remove_partial(&path) {
            tracing::warn!(%error, "a copy that was broken off could not be removed");
        }
        let mut writing = schema::open_for_writing(&path).map_err(|error| error.or_held(&path))?;
        let identity::Start { creation, epoch } =
            identity::count_start(&mut writing, &path, &mut lock)?;
        schema::set_sync(&writing, keeping.sync)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let turn = Turn::default();
        let watch = Watch::new(&mut writing, bounds, wake, Arc::clone(&turn))?;
        let copying = schema::open_for_checkpoints(&path)?;

        let (sweeping, stop) = mpsc::sync_channel(0);
        let queues = Arc::new(Queues::new(sweeping));
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(work).map_err(|source| OpenError::folder(folder, source))
        };
        let queue = Arc::clone(&queues.writer);
        let health = Arc::new(Health::new({
            let queue = Arc::clone(&queue);
            move || queue.nudge()
        }));
        let messages_max = keeping.messages_max;
        let writer = Writer::new(writing, messages_max, watch, Arc::clone(&health), counts);
        let sweeper = Sweeper {
            connection: schema::open_for_reading(&path)?,
            writer: Arc::clone(&writer),
            queue: Arc::clone(&queue),
            keeping: *keeping,
            stop,
        };
        let thread_writer = Arc::clone(&writer);
        let mut joins = vec![
            spawn("history-writer", Box::new(move || writer::run(&thread_writer, &queue)))?,
            spawn("history-copier", Box::new(move || checkpoint::run(&copying, &woken, &turn)))?,
            spawn("history-sweeper", Box::new(move || sweep::run(&sweeper)))?,
        ];
        let age_max = keeping.age_max;
        for _ in 0..READER_THREADS {
            let (queue, reading) = (Arc::clone(&queues.reader), schema::open_for_reading(&path)?);
            let work = move || reader::run(&reading, &queue, age_max);
            joins.push(spawn("history-reader", Box::new(work))?);
        }
        // A commit that waits for the disk must not hold up a task.
        if let (SyncMode::Normal, Ok(runtime)) = (keeping.sync, Handle::try_current()) {
            runtime.spawn(prompt::run(writer, Arc::clone(&queues.writer)));
        }
        let epoch: Arc<str> = epoch.into();
        let threads = Threads { queues: Arc::clone(&queues), joins, lock };
        let history = Self { queues, epoch: Arc::clone(&epoch) };
        Ok(Opened { history, creation, epoch, health, threads })
    }
}

impl History for SqliteHistory {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn load(&self, room: &RoomId) -> Answer<Stored> {
        let room = room.clone();
        ask(&self.queues.reader, |answer| Request::Load { room, answer })
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> Answer<MessageId> {
        let room = room.clone();
        ask(&self.queues.writer, |answer| Append::new(room, messages, answer))
    }

    fn read(&self, room: &RoomId, ids: RangeInclusive<MessageId>) -> Answer<Vec<Kept>> {
        let room = room.clone();
        ask(&self.queues.reader, |answer| Request::Read { room, ids, answer })
    }
}

/// Hands a request to a thread and waits for its answer.
fn ask<R: Weight + Send + 'static, T: Send + 'static>(
    queue: &Arc<Queue<R>>,
    request: impl FnOnce(oneshot::Sender<Result<T, HistoryError>>) -> R,
) -> Answer<T> {
    let queue = Arc::clone(queue);
    let (sender, receiver) = oneshot::channel();
    let request = request(sender);
    Box::pin(async move {
        queue.push(request).await.map_err(|_| HistoryError::Closed)?;
        receiver.await.map_err(|_| HistoryError::Closed)?
    })
}

impl From<&rusqlite::Error> for HistoryError {
    fn from(error: &rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

#[cfg(test)]
mod tests;
