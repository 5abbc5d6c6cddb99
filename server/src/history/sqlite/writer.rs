//! The thread that writes: one transaction for whatever waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use xmeet_shared::MessageId;

use super::append::{Append, Appender};
use super::checkpoint::Watch;
use super::queue::Queue;
use crate::history::HistoryError;

/// Appends that go into one transaction at most.
const BATCH_APPENDS_MAX: usize = 1024;

/// What one transaction writes at most, in bytes, unless a single append is larger: while it is
/// written, the rooms of the one before deliver.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The database as it is written to: by this file's thread, or by the prompt task while the thread
/// sleeps. Whoever holds it writes alone.
pub(super) struct Writer {
    connection: Connection,
    appender: Appender,
    watch: Watch,
}

/// Where it is kept. Nobody writes any more when it is taken out.
pub(super) type SharedWriter = Arc<Mutex<Option<Writer>>>;

impl Writer {
    pub(super) fn new(connection: Connection, kept_max: u64, watch: Watch) -> SharedWriter {
        let appender = Appender::new(kept_max);
        Arc::new(Mutex::new(Some(Self { connection, appender, watch })))
    }

    /// Commits a batch and answers each append. Whatever goes wrong, a panic too, nothing of it
    /// stays and the writer goes on.
    pub(super) fn write(&mut self, batch: &mut Vec<Append>) {
        let outcome = guarded(|| self.appender.commit(&self.connection, batch));
        if let Err(error) = &outcome {
            tracing::error!(%error, "messages could not be stored");
            self.appender.abandon(&self.connection);
        }
        answer(batch, outcome);
    }

    /// Whether the log is so long that the thread must see to it.
    pub(super) fn is_log_long(&self) -> bool {
        self.watch.is_due()
    }

    fn see_to_log(&mut self) {
        // Were the thread to end by a panic in it, the next batches would wait for ever.
        let _ = guarded(|| {
            self.watch.after_commit(&self.connection);
            Ok(())
        });
    }
}

/// Runs until the queue is closed and everything that was in it is written.
pub(super) fn run(writer: &SharedWriter, queue: &Queue<Append>) {
    let lock = || writer.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = Vec::new();
    while queue.take(&mut batch, BATCH_APPENDS_MAX, BATCH_BYTES_MAX) {
        let mut writer = lock();
        let Some(writer) = writer.as_mut() else { break };
        if !batch.is_empty() {
            writer.write(&mut batch);
        }
        // Whoever waited for this batch does not wait for the checkpoint.
        writer.see_to_log();
    }
    let Some(Writer { connection, .. }) = lock().take() else { return };
    // Leaves one file behind instead of three, unless somebody reads it: the next start would do
    // the same.
    let checkpoint = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    if let Err(error) = checkpoint {
        tracing::debug!(%error, "the last checkpoint was left to the next start");
    }
}

/// Does something with the database; a panic is an error like another.
pub(super) fn guarded<T>(work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, HistoryError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| HistoryError::from(&error)),
        Err(_) => Err(HistoryError::Storage("the store panicked".to_owned())),
    }
}

/// Answers each append of a batch. What stops one of them, a lock or a full disk, stops them all:
/// each is told at once, rather than tried by itself while the others wait.
fn answer(batch: &mut Vec<Append>, outcome: Result<Vec<MessageId>, HistoryError>) {
    // A room that does not wait any more has lost nothing: the message is kept.
    match outcome {
        Ok(firsts) => {
            for (append, first) in batch.drain(..).zip(firsts) {
                let _ = append.answer.send(Ok(first));
            }
        }
        Err(error) => {
            for append in batch.drain(..) {
                let _ = append.answer.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_like_another() {
        let refused = guarded::<()>(|| panic!("on purpose"));
        assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }
}
