//! The SQLite engine: one database in WAL mode in the data directory.
//!
//! SQLite runs on the engine's own threads, never on a thread of the async runtime ([`database`]):
//! - one writer, which commits all waiting appends in one transaction, so that batches grow with the
//!   load, and which evicts rooms between transactions;
//! - a few readers;
//! - a checkpointer, which moves committed pages from the WAL into the database;
//! - a sweeper, which deletes expired messages;
//! - a watcher, which checks that the database's files are still in place.

mod append;
mod database;
mod error;
mod evict;
mod eviction_order;
mod examine;
mod expiry;
mod file_watch;
mod files;
mod identity;
mod largest;
mod leases;
mod lock_file;
mod migration_copy;
mod online_backup;
mod queue;
mod reader;
mod removal;
mod room_name;
mod room_range;
mod schema;
mod spawn;
mod store_size;
mod sweep;
mod threads;
mod wal;
mod writer;

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::{mpsc as tokio_mpsc, oneshot};
use xmeet_shared::limits::HISTORY_KEPT_MESSAGES_DEFAULT;
use xmeet_shared::{MessageId, RoomId};

use super::{History, HistoryError, OpenRoom, StoreFuture};
use crate::config::store::BYTES_MAX_DEFAULT;
pub use crate::config::store::SyncMode;
use crate::metrics::StoreMetrics;
use crate::readiness::Health;
use crate::room::{Message, StoredMessage};
use append::Append;
use database::BlockingPermit;
pub use error::OpenError;
use evict::Evictor;
pub use examine::Depth;
use file_watch::FileWatch;
use leases::Leases;
use lock_file::LockFile;
pub use online_backup::{BackupError, back_up};
use queue::{Weight, WorkQueue};
use reader::{Request, RoomOpener};
use schema::Vfs;
use spawn::ThreadStarter;
use store_size::{FileSystem, StoreSize};
use threads::Queues;
pub use threads::Threads;
use wal::{CheckpointLock, WalLimits, WalMonitor};
use writer::{WriteGuard, Writer};

/// The database's file name in the data directory.
const DATABASE_FILE: &str = "history.sqlite3";

/// Default time between two sweeps for expired messages.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Which messages are stored, for how long, and how durably.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Messages stored per room. The newest message of a room is always stored, because new ids
    /// continue from it. With 0 the sweeper removes nothing by count.
    pub messages_max: u64,
    /// Size bound of the database, in bytes. The least recently used rooms are evicted near it. The
    /// last tenth of the file system stays free even if the bound is larger.
    pub bytes_max: u64,
    /// Messages older than this expire; with `None` they never do. Reads hide an expired message at
    /// once, and the next sweep deletes it.
    pub age_max: Option<Duration>,
    /// Whether commits wait for the disk.
    pub sync: SyncMode,
    /// Time between two sweeps for expired messages.
    pub sweep_interval: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages_max: HISTORY_KEPT_MESSAGES_DEFAULT,
            bytes_max: BYTES_MAX_DEFAULT,
            age_max: None,
            sync: SyncMode::default(),
            sweep_interval: SWEEP_INTERVAL,
        }
    }
}

/// Whether a data directory is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderState {
    /// No server uses the directory, and nothing was found that would prevent a start.
    Free,
    /// A running server holds the directory's lock.
    InUse,
}

/// Checks whether the engine could open a data directory. Changes nothing, and does not touch the
/// database of a running server.
///
/// # Errors
/// The [`OpenError`] that opening would fail with.
pub fn examine(folder: &Path, depth: Depth) -> Result<FolderState, OpenError> {
    files::open_usable(&folder.join(lock_file::LOCK_FILE))?;
    let is_locked = lock_file::is_locked(folder);
    if is_locked.map_err(|source| OpenError::folder(folder, source))? {
        return Ok(FolderState::InUse);
    }
    examine::examine(&folder.join(DATABASE_FILE), depth)?;
    Ok(FolderState::Free)
}

/// Returns how large the database in a directory may become, in bytes: `bytes_max`, or less if the
/// file system has no room for that. The directory need not exist.
///
/// # Errors
/// If the file system's size cannot be read.
pub fn possible_bytes(folder: &Path, bytes_max: u64) -> io::Result<u64> {
    let folder = std::path::absolute(folder)?;
    let existing = folder.ancestors().find(|above| above.exists()).unwrap_or(&folder);
    let available = FileSystem::of(existing)?.available_bytes();
    let present = fs::metadata(folder.join(DATABASE_FILE)).map_or(0, |file| file.len());
    Ok(present.saturating_add(available).min(bytes_max))
}

/// A handle to the running engine. Requests go through queues to the engine's threads, which stop
/// when the handle is dropped.
#[derive(Debug)]
pub struct SqliteHistory {
    queues: Arc<Queues>,
    epoch: Arc<str>,
}

/// The result of [`SqliteHistory::open`].
#[derive(Debug)]
pub struct Opened {
    /// The engine's handle.
    pub history: SqliteHistory,
    /// How often this data directory has been opened, including now. It makes the pids of this run
    /// differ from those of every other run.
    pub start_count: u64,
    /// Same as [`History::epoch`].
    pub epoch: Arc<str>,
    /// Whether the engine can read and write at the moment.
    pub health: Arc<Health>,
    /// Stops the engine.
    pub threads: Threads,
    /// Receives the names of engine threads that panic. After a panic every request fails with
    /// [`HistoryError::Closed`].
    pub panicked: tokio_mpsc::Receiver<&'static str>,
}

/// Properties of the machine and of SQLite that tests replace.
struct Environment {
    wal_limits: WalLimits,
    /// The id of the machine's current boot; `None` if the system does not provide it.
    boot: Option<String>,
    /// The SQLite file system; `None` selects SQLite's default.
    vfs: Vfs,
    /// A value for `PRAGMA synchronous` that replaces the one of [`Retention::sync`].
    synchronous: Option<&'static str>,
}

impl Environment {
    fn production() -> Self {
        let boot = lock_file::boot_id();
        Self { wal_limits: wal::LIMITS, boot, vfs: None, synchronous: None }
    }
}

impl SqliteHistory {
    /// Opens or creates the store in a directory, and starts its threads. Stores `messages_max`
    /// messages per room, at least the newest. Blocks: do not call it on a runtime thread.
    ///
    /// # Errors
    /// [`OpenError`] says why the store cannot be opened.
    pub fn open(folder: &Path, messages_max: u64) -> Result<Opened, OpenError> {
        let retention = Retention { messages_max, ..Retention::default() };
        Self::open_with(folder, &retention, Arc::default())
    }

    /// Like [`Self::open`], with every retention setting. `metrics` counts transactions and sizes.
    ///
    /// # Errors
    /// [`OpenError`] says why the store cannot be opened.
    pub fn open_with(
        folder: &Path,
        retention: &Retention,
        metrics: Arc<StoreMetrics>,
    ) -> Result<Opened, OpenError> {
        let bytes_max = possible_bytes(folder, retention.bytes_max).unwrap_or(retention.bytes_max);
        let wal_limits = WalLimits::for_store(bytes_max);
        let environment = Environment { wal_limits, ..Environment::production() };
        Self::open_in(folder, retention, environment, metrics)
    }

    fn open_in(
        folder: &Path,
        retention: &Retention,
        environment: Environment,
        metrics: Arc<StoreMetrics>,
    ) -> Result<Opened, OpenError> {
        let _permit = BlockingPermit::new();
        let Environment { wal_limits, boot, vfs, synchronous } = environment;
        let mut lock = LockFile::lock(folder)?;
        let path = folder.join(DATABASE_FILE);
        migration_copy::remove_partial(&path);
        let file = examine::prepare(&path)?;
        let mut connection =
            schema::open_for_writing(&path, vfs).map_err(|error| error.with_path(&path))?;
        let start = identity::record_start(&mut connection, &path, &mut lock, boot, retention.sync)
            .map_err(|error| error.with_path(&path))?;
        schema::set_sync(&connection, synchronous.unwrap_or(schema::sync_word(retention.sync)))?;

        let unusable = |source| OpenError::folder(folder, source);
        let (wake_checkpointer, checkpoint_wakes) = mpsc::sync_channel(1);
        let checkpoints = CheckpointLock::default();
        let wal = WalMonitor::new(
            &mut connection,
            wal_limits,
            wake_checkpointer,
            Arc::clone(&checkpoints),
        )?;
        let files = FileWatch::new(&path, file, Arc::clone(&checkpoints), wal.pages());
        let files = Arc::new(files.map_err(unusable)?);
        let (queues, stopped) = Queues::new();
        let queues = Arc::new(queues);
        let queue = Arc::clone(&queues.writer);
        let health = health_of(&queue);
        let leases = Arc::new(Leases::new(start.evictions));
        let bounds = (retention.bytes_max, wal_limits.refuse_bytes);
        let size = StoreSize::new(&connection, &path, bounds, Arc::clone(&metrics))?;
        let evictor = Evictor::new(&connection, size, Arc::clone(&leases), Arc::clone(&metrics))?;
        let guard = WriteGuard { files: Arc::clone(&files), health: Arc::clone(&health) };
        let rooms = (retention.messages_max, Arc::clone(&leases));
        let writer = Writer::new(connection, rooms, wal, evictor, guard, metrics);

        let (mut threads, panicked) = ThreadStarter::new(&queues, folder, &path, vfs);
        let is_durable = threads.start_writer(&writer, &queue)?;
        let checkpoint_sync = synchronous.unwrap_or("NORMAL");
        let connection = schema::open_for_checkpoints(&path, vfs, checkpoint_sync)?;
        threads.start("wal-checkpoint", move || {
            wal::run(&connection, &checkpoint_wakes, &checkpoints);
        })?;
        threads.start_sweeper(writer, queue, *retention, stopped.sweeper)?;
        let (watched, watch_health) = (Arc::clone(&files), Arc::clone(&health));
        threads.start("history-watcher", move || {
            file_watch::run(&watched, &watch_health, &stopped.watcher);
        })?;
        let epoch: Arc<str> = start.epoch.into();
        let opener = RoomOpener { leases, store_epoch: Arc::clone(&epoch) };
        threads.start_readers(&opener, retention.age_max, &queues, &health)?;

        let joins = threads.joins;
        let threads = Threads { queues: Arc::clone(&queues), joins, lock, is_durable, files };
        let history = Self { queues, epoch: Arc::clone(&epoch) };
        let start_count = start.count;
        Ok(Opened { history, start_count, epoch, health, threads, panicked })
    }
}

/// Creates the health of the store. A requested probe wakes the writer.
fn health_of(writer: &Arc<WorkQueue<Append>>) -> Arc<Health> {
    let queue = Arc::clone(writer);
    Arc::new(Health::new(move || queue.wake()))
}

impl History for SqliteHistory {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn load(&self, room: &RoomId) -> StoreFuture<OpenRoom> {
        let room = room.clone();
        request(&self.queues.reader, |result| Request::Load { room, result })
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> StoreFuture<MessageId> {
        let room = room.clone();
        request(&self.queues.writer, |result| Append::new(room, messages, result))
    }

    fn read(
        &self,
        room: &RoomId,
        ids: RangeInclusive<MessageId>,
    ) -> StoreFuture<Vec<StoredMessage>> {
        let room = room.clone();
        request(&self.queues.reader, |result| Request::Read { room, ids, result })
    }
}

/// Sends a request to a thread's queue. The returned future waits for room in the queue and then for
/// the result.
fn request<R: Weight + Send + 'static, T: Send + 'static>(
    queue: &Arc<WorkQueue<R>>,
    make_request: impl FnOnce(oneshot::Sender<Result<T, HistoryError>>) -> R,
) -> StoreFuture<T> {
    let queue = Arc::clone(queue);
    let (sender, receiver) = oneshot::channel();
    let request = make_request(sender);
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
