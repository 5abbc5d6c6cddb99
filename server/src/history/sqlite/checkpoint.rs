//! Moves what was committed from the write-ahead log into the database, off the writer's path.
//!
//! A thread copies whenever so much has been added to the log. The log begins anew only when a
//! write finds all of it copied, which under steady writing never happens by itself: past a larger
//! bound the writer copies the small rest, and its next commit goes to the log's beginning.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

/// What SQLite puts before each page in the log, in bytes.
const FRAME_HEADER_BYTES: u64 = 24;

/// When what is done about the log's size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The thread copies each time the log has grown by this, in bytes.
    pub(super) step_bytes: u64,
    /// The thread copies for the last time when the log has this size, in bytes, and the writer
    /// the rest soon after.
    pub(super) finish_bytes: u64,
    /// How soon, in bytes that are added to the log; and when it tries again where the thread or
    /// a reader was in its way.
    pub(super) retry_bytes: u64,
    /// The writer waits for the thread and for readers when the log has this size, in bytes: the
    /// disk cannot follow.
    pub(super) wait_bytes: u64,
}

/// The bounds unless a test sets others.
pub(super) const BOUNDS: Bounds = Bounds {
    step_bytes: 32 * 1024 * 1024,
    finish_bytes: 64 * 1024 * 1024,
    retry_bytes: 2 * 1024 * 1024,
    wait_bytes: 256 * 1024 * 1024,
};

/// The writer's eye on the log.
#[derive(Debug)]
pub(super) struct Watch {
    /// The pages in the log after the last commit.
    pages: Arc<AtomicU64>,
    page_bytes: u64,
    bounds: Bounds,
    seen_bytes: u64,
    copied_bytes: u64,
    finish_at_bytes: u64,
    thread: SyncSender<()>,
    turn: Turn,
}

/// Held by the thread while it copies. SQLite lets one copy at a time and refuses the other, but
/// past the largest bound the writer must wait for it.
pub(super) type Turn = Arc<Mutex<()>>;

impl Watch {
    /// Watches the log of the writer's connection, on which SQLite then checkpoints nothing by
    /// itself. `thread` wakes [`run`].
    pub(super) fn new(
        connection: &mut Connection,
        bounds: Bounds,
        thread: SyncSender<()>,
        turn: Turn,
    ) -> rusqlite::Result<Self> {
        let page_bytes: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&pages);
        // SQLite's own checkpointing is such a hook; this one takes its place.
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            counted.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            pages,
            page_bytes: page_bytes + FRAME_HEADER_BYTES,
            bounds,
            seen_bytes: 0,
            copied_bytes: 0,
            finish_at_bytes: bounds.finish_bytes + bounds.retry_bytes,
            thread,
            turn,
        })
    }

    /// Whether anything is due after the latest commit.
    pub(super) fn is_due(&self) -> bool {
        let bytes = self.bytes();
        bytes < self.seen_bytes || bytes >= self.finish_at_bytes || self.is_step_due(bytes)
    }

    /// Does what is due after a commit.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        let Bounds { finish_bytes, retry_bytes, wait_bytes, .. } = self.bounds;
        let bytes = self.bytes();
        if bytes < self.seen_bytes {
            // The log began anew.
            self.copied_bytes = 0;
            self.finish_at_bytes = finish_bytes + retry_bytes;
        }
        self.seen_bytes = bytes;
        if bytes >= self.finish_at_bytes {
            self.finish_at_bytes = bytes + retry_bytes;
            if bytes >= wait_bytes {
                let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                checkpoint(connection, "RESTART");
            } else if let Ok(_turn) = self.turn.try_lock() {
                checkpoint(connection, "PASSIVE");
            }
        } else if self.is_step_due(bytes) {
            self.copied_bytes = bytes;
            // When it is still at it, it will do it once more.
            let _ = self.thread.try_send(());
        }
    }

    /// Tries to make room on a disk that has none: once all of the log is copied, the next commit
    /// goes to its beginning, for which it needs no more of the disk than it has.
    pub(super) fn make_room(&self, connection: &Connection) {
        if let Ok(_turn) = self.turn.try_lock()
            && let Err(error) = try_checkpoint(connection, "PASSIVE")
        {
            tracing::debug!(%error, "the log could not be copied while nothing can be written");
        }
    }

    fn bytes(&self) -> u64 {
        self.pages.load(Ordering::Relaxed) * self.page_bytes
    }

    fn is_step_due(&self, bytes: u64) -> bool {
        let Bounds { step_bytes, finish_bytes, .. } = self.bounds;
        bytes >= (self.copied_bytes + step_bytes).min(finish_bytes)
            && self.copied_bytes < finish_bytes
    }
}

/// The thread that copies. It ends with the [`Watch`].
pub(super) fn run(connection: &Connection, wake: &Receiver<()>, turn: &Turn) {
    while wake.recv().is_ok() {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(connection, "PASSIVE");
    }
}

fn checkpoint(connection: &Connection, mode: &str) {
    // Nothing is lost when it fails: the log stays, and grows until it succeeds.
    if let Err(error) = try_checkpoint(connection, mode) {
        tracing::warn!(%error, "the history's log could not be copied into its database");
    }
}

fn try_checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
