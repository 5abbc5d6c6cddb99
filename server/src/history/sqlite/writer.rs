//! The writer thread: commits all waiting appends in one transaction, and evicts and checkpoints
//! between transactions.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use xmeet_shared::{MessageId, RoomId};

use super::append::{Append, Appender};
use super::database::Database;
use super::evict::{Evictor, RUN_INTERVAL};
use super::file_watch::FileWatch;
use super::leases::Leases;
use super::queue::{Weight, WorkQueue};
use super::removal::Removal;
use super::schema::BUSY_TIMEOUT;
use super::wal::WalMonitor;
use crate::history::HistoryError;
use crate::metrics::StoreMetrics;
use crate::readiness::health::{Health, PROBE_INTERVAL, Probe};

/// Appends per transaction.
const BATCH_APPENDS_MAX: usize = 1024;

/// Bytes per transaction, unless a single append is larger. While a transaction commits, rooms deliver
/// the messages of the one before.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The database with everything that writes to it. The writer thread and, between two batches, the
/// sweeper lock it; nothing else writes.
pub(super) struct Writer {
    connection: Database,
    appender: Appender,
    wal: WalMonitor,
    evictor: Evictor,
    guard: WriteGuard,
    metrics: Arc<StoreMetrics>,
    /// Messages committed since the last call of [`Self::release_memory`].
    recent_messages: u64,
}

/// Rejects writes that would be lost, and receives the outcome of every write.
pub(super) struct WriteGuard {
    pub(super) files: Arc<FileWatch>,
    pub(super) health: Arc<Health>,
}

impl WriteGuard {
    /// Checks that the database's files are still the ones that SQLite has open.
    ///
    /// # Errors
    /// If a file was removed, replaced or damaged. A write could be lost.
    fn check(&self) -> Result<(), HistoryError> {
        let names = self.files.check_names();
        if names.is_err() {
            self.health.record_file_check(names.clone());
        }
        let problem = names.err().or_else(|| self.health.file_problem());
        problem.map_or(Ok(()), |problem| Err(HistoryError::Storage(problem)))
    }
}

/// A writer that commits more messages than this between two calls of [`Writer::release_memory`] is
/// busy and keeps its caches.
const IDLE_MESSAGES_MAX: u64 = 1_000;

/// The write of a probe. It stores the value that is already there, so it has no effect, but SQLite
/// still writes the page to the WAL.
const PROBE_WRITE: &str = "PRAGMA application_id = 1481467252";

/// SQLite's message for a database that may not grow.
const FULL: &str = "database or disk is full";

/// How long the last checkpoint waits for readers. The engine's own readers stop at the same time.
const LAST_CHECKPOINT_WAIT: Duration = Duration::from_millis(300);

/// The writer, shared by its thread and the sweeper. `None` once the writer has stopped.
pub(super) type SharedWriter = Arc<Mutex<Option<Writer>>>;

impl Writer {
    pub(super) fn new(
        connection: Database,
        (messages_max, leases): (u64, Arc<Leases>),
        wal: WalMonitor,
        evictor: Evictor,
        guard: WriteGuard,
        metrics: Arc<StoreMetrics>,
    ) -> SharedWriter {
        let appender = Appender::new(messages_max, leases);
        let recent_messages = 0;
        let writer = Self { connection, appender, wal, evictor, guard, metrics, recent_messages };
        Arc::new(Mutex::new(Some(writer)))
    }

    /// Commits a batch and sends each append its result. If anything fails or panics, none of the
    /// batch is stored.
    pub(super) fn write(&mut self, batch: &mut Vec<Append>) {
        if let Err(error) = self.guard.check() {
            self.metrics.commit_failures.inc();
            return send_results(batch, Err(error));
        }
        let start = Instant::now();
        let outcome = self.check_size().and_then(|()| {
            catch_panic(|| {
                self.set_busy_timeout()?;
                self.appender.commit(&self.connection, batch)
            })
        });
        self.evictor.add_written(batch.iter().map(Append::weight).sum());
        if let Err(error) = &outcome {
            tracing::debug!(%error, "failed to store messages");
            self.appender.roll_back(&self.connection);
            self.evictor.request_refresh();
            self.metrics.commit_failures.inc();
        } else {
            let messages: usize = batch.iter().map(Append::message_count).sum();
            self.recent_messages += messages as u64;
            self.metrics.record_commit(messages, start.elapsed());
        }
        self.record_write(&outcome);
        send_results(batch, outcome);
    }

    /// Sets how long the next statement waits for a lock of another program: not at all while writes
    /// fail, or else every message and the shutdown would wait again.
    fn set_busy_timeout(&self) -> rusqlite::Result<()> {
        let is_failing = self.guard.health.is_write_failing();
        self.connection.busy_timeout(if is_failing { Duration::ZERO } else { BUSY_TIMEOUT })
    }

    /// Rejects messages if the database or the WAL is full. Short messages are rejected too, although
    /// some would fit: otherwise the store would alternate between working and failing.
    fn check_size(&self) -> Result<(), HistoryError> {
        if self.evictor.is_full() {
            return Err(HistoryError::Storage(FULL.to_owned()));
        }
        self.check_wal()
    }

    /// Rejects writes if the WAL is full.
    fn check_wal(&self) -> Result<(), HistoryError> {
        if self.wal.has_room(&self.connection) {
            return Ok(());
        }
        let problem = "the write-ahead log is full, and a reader holds it";
        Err(HistoryError::Storage(problem.to_owned()))
    }

    /// Runs eviction if it is due.
    pub(super) fn evict_if_due(&mut self) {
        if !self.evictor.is_due() {
            return;
        }
        if self.guard.check().and_then(|()| self.check_wal()).is_err() {
            return self.evictor.pause();
        }
        let Self { connection, appender, evictor, wal, .. } = self;
        let outcome = catch_panic(|| {
            // Eviction can wait, so it does not block for a lock of another program.
            connection.busy_timeout(Duration::ZERO)?;
            evictor.run(connection, appender, wal.available_bytes())
        });
        let restored = catch_panic(|| connection.busy_timeout(BUSY_TIMEOUT));
        if let Err(error) = outcome.and(restored) {
            // If the store becomes full, the rejected appends are reported.
            tracing::debug!(%error, "failed to evict unused rooms");
            self.appender.roll_back(&self.connection);
            self.evictor.pause();
        }
    }

    /// Deletes messages of a room below `first_retained`, oldest first: at most `count_max`, and a
    /// bounded number of bytes. Returns `None` if writes fail.
    pub(super) fn remove_old(
        &mut self,
        room: (&RoomId, i64),
        first_retained: MessageId,
        count_max: u64,
    ) -> Option<Removal> {
        if self.guard.health.is_write_failing() || self.guard.check().is_err() {
            return None;
        }
        let outcome = catch_panic(|| {
            self.appender.remove_old(&self.connection, room, first_retained, count_max)
        });
        if outcome.is_err() {
            self.appender.roll_back(&self.connection);
        }
        self.record_write(&outcome);
        outcome.ok()
    }

    /// Frees the caches if few messages were committed since the last call. Returns whether it did.
    pub(super) fn release_memory(&mut self) -> bool {
        // Other programs may have filled the disk, so the size is checked even without writes.
        self.evictor.request_run();
        let is_idle = mem::take(&mut self.recent_messages) <= IDLE_MESSAGES_MAX;
        if is_idle {
            self.appender.clear_cache();
            // A failure only delays the release.
            let _ = catch_panic(|| self.connection.execute_batch("PRAGMA shrink_memory"));
        }
        is_idle
    }

    /// Returns whether the writer thread has to checkpoint, evict or probe.
    pub(super) fn has_due_work(&self) -> bool {
        self.wal.is_due() || self.evictor.is_due() || self.guard.health.is_write_failing()
    }

    fn record_write<T>(&self, outcome: &Result<T, HistoryError>) {
        self.guard.health.record_write(problem_text(outcome));
    }

    /// Runs the probe that is due, if any. Probes find out whether writes work while no messages
    /// arrive.
    fn run_due_probe(&mut self) {
        let health = Arc::clone(&self.guard.health);
        let Some(probe) = health.due_probe() else { return };
        if health.is_write_failing() {
            self.wal.free_for_reuse(&self.connection);
        }
        self.evictor.request_refresh();
        self.evict_if_due();
        let statements = match probe {
            Probe::Write => format!("BEGIN IMMEDIATE; {PROBE_WRITE}; COMMIT"),
            Probe::Lock => "BEGIN IMMEDIATE; ROLLBACK".to_owned(),
        };
        let mut outcome = catch_panic(|| {
            self.set_busy_timeout()?;
            self.connection.execute_batch(&statements)
        });
        if outcome.is_err() {
            self.appender.roll_back(&self.connection);
        } else if self.evictor.is_full() {
            // A probe needs no new page, so it succeeds even if the database is full.
            outcome = Err(HistoryError::Storage(FULL.to_owned()));
        }
        match probe {
            Probe::Write => health.record_write(problem_text(&outcome)),
            Probe::Lock => health.record_probe(problem_text(&outcome)),
        }
    }

    /// Returns how long the thread may wait for appends; `None` for no limit.
    fn wait_max(&self) -> Option<Duration> {
        if self.evictor.is_evicting() {
            return Some(RUN_INTERVAL);
        }
        self.guard.health.is_write_failing().then_some(PROBE_INTERVAL)
    }

    fn checkpoint_if_due(&mut self) {
        // A panic must not end the thread, or all later appends would wait for ever.
        let _ = catch_panic(|| {
            self.wal.after_commit(&self.connection);
            Ok(())
        });
    }

    /// Writes what eviction needs at the next start, and moves the WAL into the database. Returns
    /// whether everything is on the disk.
    fn finish(self) -> bool {
        let Self { connection, evictor, wal, guard, .. } = self;
        // SQLite fails a checkpoint at once, regardless of the timeout, if another one is running.
        let _checkpoints = wal.lock_checkpoints();
        let outcome = connection.busy_timeout(Duration::ZERO).and_then(|()| {
            evictor.write_last_uses(&connection, usize::MAX)?;
            connection.busy_timeout(LAST_CHECKPOINT_WAIT)?;
            truncate_wal(&connection)
        });
        let is_checkpointed = outcome.unwrap_or_else(|error| {
            tracing::debug!(%error, "failed to checkpoint at the end; the next start will");
            false
        });
        // If the files were replaced, the next start does not find what was written.
        is_checkpointed && guard.files.check_names().is_ok()
    }
}

/// Runs the writer thread until the queue is closed and empty. Returns whether everything is on the
/// disk.
pub(super) fn run(writer: &SharedWriter, queue: &WorkQueue<Append>) -> bool {
    let lock = || writer.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = Vec::new();
    let mut wait_max = None;
    while queue.take(&mut batch, BATCH_APPENDS_MAX, BATCH_BYTES_MAX, wait_max) {
        let mut writer = lock();
        let Some(writer) = writer.as_mut() else { return false };
        if !batch.is_empty() {
            writer.write(&mut batch);
        }
        // Comes after the results were sent, so that no append waits for a checkpoint.
        writer.checkpoint_if_due();
        writer.evict_if_due();
        writer.run_due_probe();
        wait_max = writer.wait_max();
    }
    let writer = lock().take();
    writer.is_some_and(Writer::finish)
}

/// Moves the WAL into the database and truncates it. Returns `false` if another program's reader
/// prevents that.
fn truncate_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let is_busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!is_busy)
}

/// Converts an outcome for [`Health`]: an error becomes its message, without the prefix that is meant
/// for clients.
pub(super) fn problem_text<T>(outcome: &Result<T, HistoryError>) -> Result<(), String> {
    match outcome {
        Ok(_) => Ok(()),
        Err(HistoryError::Storage(problem)) => Err(problem.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// Calls a function that uses the database, and turns a panic into an error.
pub(super) fn catch_panic<T>(
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<T, HistoryError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| HistoryError::from(&error)),
        Err(_) => Err(HistoryError::Storage("the store panicked".to_owned())),
    }
}

/// Empties a batch and sends each append its first id, or the error. After an error no append is
/// retried alone: a lock or a full disk would fail all of them, one after the other.
fn send_results(batch: &mut Vec<Append>, outcome: Result<Vec<MessageId>, HistoryError>) {
    // `send` fails if the room's task has ended. Its messages are stored all the same.
    match outcome {
        Ok(firsts) => {
            for (append, first) in batch.drain(..).zip(firsts) {
                let _ = append.result.send(Ok(first));
            }
        }
        Err(error) => {
            for append in batch.drain(..) {
                let _ = append.result.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
#[path = "writer_test.rs"]
mod tests;
