//! The engine's threads from the outside: their request queues, and how they stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::append::Append;
use super::file_watch::FileWatch;
use super::lock_file::LockFile;
use super::queue::WorkQueue;
use super::reader::Request;

/// Capacity of the writer's queue and of the readers' queue, in requests. Callers wait while a queue
/// is full.
const QUEUE_REQUESTS_MAX: usize = 1024;

/// The engine's running threads and what they share until they stop.
#[derive(Debug)]
pub struct Threads {
    pub(super) queues: Arc<Queues>,
    pub(super) joins: Vec<JoinHandle<()>>,
    pub(super) lock: LockFile,
    /// Set by the writer if it stops with everything on the disk.
    pub(super) is_durable: Arc<AtomicBool>,
    /// Keeps the database's file open until SQLite has closed it.
    pub(super) files: Arc<FileWatch>,
}

/// The queues to the engine's threads. Closing or dropping them stops the threads once all queued
/// requests are done.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) writer: Arc<WorkQueue<Append>>,
    pub(super) reader: Arc<WorkQueue<Request>>,
    /// Dropping these stops the sweeper and the watcher.
    stops: Mutex<Vec<SyncSender<()>>>,
}

/// Channels that are disconnected when the threads must stop.
#[derive(Debug)]
pub(super) struct StopSignals {
    pub(super) sweeper: Receiver<()>,
    pub(super) watcher: Receiver<()>,
}

impl Queues {
    pub(super) fn new() -> (Self, StopSignals) {
        let (stop_sweeper, sweeper) = mpsc::sync_channel(0);
        let (stop_watcher, watcher) = mpsc::sync_channel(0);
        let queues = Self {
            stops: Mutex::new(vec![stop_sweeper, stop_watcher]),
            writer: Arc::new(WorkQueue::new(QUEUE_REQUESTS_MAX)),
            reader: Arc::new(WorkQueue::new(QUEUE_REQUESTS_MAX)),
        };
        (queues, StopSignals { sweeper, watcher })
    }

    pub(super) fn close(&self) {
        self.writer.close();
        self.reader.close();
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.close();
    }
}

impl Threads {
    /// Stops the engine. The receiver resolves when every request sent so far is on disk and the
    /// threads have ended. Later requests fail with [`HistoryError::Closed`].
    ///
    /// A separate thread waits for the engine's threads, so a caller with a deadline may drop the
    /// receiver and exit. It loses only requests that have not been answered.
    ///
    /// [`HistoryError::Closed`]: crate::history::HistoryError::Closed
    pub fn stop(self) -> oneshot::Receiver<()> {
        let (done, stopped) = oneshot::channel();
        self.queues.close();
        thread::spawn(move || {
            let Self { joins, mut lock, is_durable, files, .. } = self;
            for join in joins {
                // A panic has already been reported.
                let _ = join.join();
            }
            if is_durable.load(Ordering::Acquire)
                && let Err(error) = lock.mark_clean()
            {
                // The next start assumes a crash, which is safe.
                tracing::warn!(%error, "failed to mark the history as cleanly closed");
            }
            drop(files);
            // Releasing the lock last frees the directory for another server.
            drop(lock);
            let _ = done.send(());
        });
        stopped
    }
}
