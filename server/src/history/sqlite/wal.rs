//! Keeps the write-ahead log (WAL) small by checkpoints: they copy committed pages from the WAL into
//! the database.
//!
//! A background thread checkpoints each time the WAL has grown by a step. SQLite restarts the WAL
//! from its beginning only when a write finds all of it checkpointed, which under constant writes
//! never happens by itself. So once the WAL is larger, the writer checkpoints the small rest between
//! two commits, and its next commit restarts the WAL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::schema::BUSY_TIMEOUT;

/// Bytes of the header that precedes each page in the WAL.
pub(super) const FRAME_HEADER_BYTES: u64 = 24;

/// WAL sizes, in bytes, at which something is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct WalLimits {
    /// The background thread checkpoints each time the WAL has grown by this.
    pub(super) step_bytes: u64,
    /// At this size the background thread checkpoints for the last time, and the writer checkpoints
    /// the rest `retry_bytes` later.
    pub(super) restart_bytes: u64,
    /// How much the WAL grows between two attempts of the writer to checkpoint the rest. An attempt
    /// fails if the background thread or a reader is in the way.
    pub(super) retry_bytes: u64,
    /// From this size on the disk is too slow, and the writer waits for the background thread and for
    /// readers.
    pub(super) block_bytes: u64,
    /// From this size on writes are rejected, because a reader keeps the WAL from restarting.
    pub(super) refuse_bytes: u64,
}

/// The limits of a store of [`LARGE_STORE_BYTES`] or more.
pub(super) const LIMITS: WalLimits = WalLimits {
    step_bytes: 32 * 1024 * 1024,
    restart_bytes: 64 * 1024 * 1024,
    retry_bytes: 2 * 1024 * 1024,
    block_bytes: 256 * 1024 * 1024,
    refuse_bytes: 512 * 1024 * 1024,
};

/// Below this store size, in bytes, the WAL limits shrink in proportion.
const LARGE_STORE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

impl WalLimits {
    /// Returns the limits for a store of this size: the WAL stays below a quarter of it, plus one
    /// transaction.
    pub(super) fn for_store(store_bytes_max: u64) -> Self {
        let scaled = |bytes: u64| {
            let share = u128::from(bytes) * u128::from(store_bytes_max);
            let share = share / u128::from(LARGE_STORE_BYTES);
            u64::try_from(share).map_or(bytes, |share| share.min(bytes))
        };
        Self {
            step_bytes: scaled(LIMITS.step_bytes),
            restart_bytes: scaled(LIMITS.restart_bytes),
            retry_bytes: scaled(LIMITS.retry_bytes),
            block_bytes: scaled(LIMITS.block_bytes),
            refuse_bytes: scaled(LIMITS.refuse_bytes),
        }
    }
}

/// How long a write waits for readers when the WAL has reached `refuse_bytes`.
const FULL_WAL_WAIT: Duration = Duration::from_millis(100);

/// Watches the size of the WAL for the writer, and checkpoints it.
#[derive(Debug)]
pub(super) struct WalMonitor {
    /// Pages in the WAL after the latest commit.
    pages: Arc<AtomicU64>,
    /// Bytes that a page takes in the WAL.
    frame_bytes: u64,
    limits: WalLimits,
    /// The size when it was last looked at.
    seen_bytes: u64,
    /// The size at which the background thread was last woken.
    requested_bytes: u64,
    /// The size at which the writer next checkpoints.
    writer_checkpoint_bytes: u64,
    wake_thread: SyncSender<()>,
    checkpoints: CheckpointLock,
}

/// Held during a checkpoint. SQLite would fail a second one at once, but the writer sometimes has to
/// wait for the first.
pub(super) type CheckpointLock = Arc<Mutex<()>>;

impl WalMonitor {
    /// Takes over the checkpoints of the writer's connection from SQLite. `wake_thread` wakes
    /// [`run`].
    pub(super) fn new(
        connection: &mut Connection,
        limits: WalLimits,
        wake_thread: SyncSender<()>,
        checkpoints: CheckpointLock,
    ) -> rusqlite::Result<Self> {
        let page_bytes: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&pages);
        // A restart truncates the WAL to this size after a burst.
        connection.pragma_update(None, "journal_size_limit", limits.restart_bytes)?;
        // Setting a hook replaces SQLite's automatic checkpoints, which are such a hook too.
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            counter.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            pages,
            frame_bytes: page_bytes + FRAME_HEADER_BYTES,
            limits,
            seen_bytes: 0,
            requested_bytes: 0,
            writer_checkpoint_bytes: limits.restart_bytes + limits.retry_bytes,
            wake_thread,
            checkpoints,
        })
    }

    /// Returns a live counter of the pages in the WAL after the latest commit.
    pub(super) fn pages(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.pages)
    }

    /// Returns whether [`Self::after_commit`] has something to do.
    pub(super) fn is_due(&self) -> bool {
        let bytes = self.bytes();
        bytes < self.seen_bytes || bytes >= self.writer_checkpoint_bytes || self.is_step_due(bytes)
    }

    /// Checkpoints the WAL, or wakes the background thread to do it, if the size requires it.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        let WalLimits { restart_bytes, retry_bytes, block_bytes, .. } = self.limits;
        let bytes = self.bytes();
        let has_restarted = bytes < self.seen_bytes;
        if has_restarted {
            self.requested_bytes = 0;
            self.writer_checkpoint_bytes = restart_bytes + retry_bytes;
        }
        self.seen_bytes = bytes;
        if bytes >= self.writer_checkpoint_bytes {
            self.writer_checkpoint_bytes = bytes + retry_bytes;
            if bytes >= block_bytes {
                let _checkpoints = self.lock_checkpoints();
                checkpoint(connection, "RESTART");
            } else if let Ok(_checkpoints) = self.checkpoints.try_lock() {
                checkpoint(connection, "PASSIVE");
            }
        } else if self.is_step_due(bytes) {
            self.requested_bytes = bytes;
            // A full channel means that the thread will run once more anyway.
            let _ = self.wake_thread.try_send(());
        }
    }

    /// Returns whether the WAL may grow by one more transaction. If it is full, tries to restart it,
    /// and waits up to [`FULL_WAL_WAIT`] for readers.
    pub(super) fn has_room(&self, connection: &Connection) -> bool {
        if self.bytes() < self.limits.refuse_bytes {
            return true;
        }
        let _checkpoints = self.lock_checkpoints();
        let restart = connection
            .busy_timeout(FULL_WAL_WAIT)
            .and_then(|()| try_checkpoint(connection, "RESTART"));
        let outcome = connection.busy_timeout(BUSY_TIMEOUT).and(restart);
        if let Err(error) = &outcome {
            tracing::debug!(%error, "failed to checkpoint the full write-ahead log");
        }
        outcome.is_ok_and(|is_whole| is_whole)
    }

    /// Waits for a running checkpoint of the background thread, and prevents further ones until the
    /// guard is dropped.
    pub(super) fn lock_checkpoints(&self) -> MutexGuard<'_, ()> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns by how many bytes the WAL may grow until writes are rejected.
    pub(super) fn available_bytes(&self) -> u64 {
        self.limits.refuse_bytes.saturating_sub(self.bytes())
    }

    /// Tries to make writes possible on a full disk: if all of the WAL is checkpointed, the next
    /// commit restarts it and needs no further disk space.
    pub(super) fn free_for_reuse(&self, connection: &Connection) {
        if let Ok(_checkpoints) = self.checkpoints.try_lock()
            && let Err(error) = try_checkpoint(connection, "PASSIVE")
        {
            tracing::debug!(%error, "failed to checkpoint while writes fail");
        }
    }

    fn bytes(&self) -> u64 {
        self.pages.load(Ordering::Relaxed) * self.frame_bytes
    }

    fn is_step_due(&self, bytes: u64) -> bool {
        let WalLimits { step_bytes, restart_bytes, .. } = self.limits;
        bytes >= (self.requested_bytes + step_bytes).min(restart_bytes)
            && self.requested_bytes < restart_bytes
    }
}

/// Runs the background thread: one checkpoint per wake-up. Returns when the [`WalMonitor`] is
/// dropped.
pub(super) fn run(connection: &Connection, wakes: &Receiver<()>, checkpoints: &CheckpointLock) {
    while wakes.recv().is_ok() {
        let _checkpoints = checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(connection, "PASSIVE");
    }
}

fn checkpoint(connection: &Connection, mode: &str) {
    // A failure loses nothing: the WAL keeps its pages and grows until a later checkpoint succeeds.
    if let Err(error) = try_checkpoint(connection, mode) {
        tracing::warn!(%error, "failed to checkpoint the history's write-ahead log");
    }
}

/// Runs a checkpoint. Returns whether it did everything that its mode promises.
fn try_checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    let is_busy: i64 =
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0))?;
    Ok(is_busy == 0)
}
