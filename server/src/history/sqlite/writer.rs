//! The thread that writes: one transaction for whatever waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
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

/// Runs until the queue is closed and everything that was in it is written.
pub(super) fn run(connection: &Connection, queue: &Queue<Append>, kept_max: u64, mut watch: Watch) {
    let mut batch = Vec::new();
    let mut appender = Appender::prepare(connection, kept_max);
    while queue.take(&mut batch, BATCH_APPENDS_MAX, BATCH_BYTES_MAX, |append| append.bytes) {
        let outcome = match &mut appender {
            Ok(appender) => commit(appender, &batch),
            Err(error) => Err(HistoryError::from(&*error)),
        };
        answer(&mut batch, outcome);
        // Whoever waited for this batch does not wait for the checkpoint. Were this thread to end
        // by a panic in it, the next batches would wait for ever.
        let _ = guarded(|| {
            watch.after_commit(connection);
            Ok(())
        });
    }
    drop((appender, watch));
    // Leaves one file behind instead of three, unless somebody reads it: the next start would do
    // the same.
    let checkpoint = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    if let Err(error) = checkpoint {
        tracing::debug!(%error, "the last checkpoint was left to the next start");
    }
}

/// Commits a batch. Whatever goes wrong, a panic too, nothing of it stays and the writer goes on.
fn commit(appender: &mut Appender<'_>, batch: &[Append]) -> Result<Vec<MessageId>, HistoryError> {
    let outcome = guarded(|| appender.commit(batch));
    if let Err(error) = &outcome {
        tracing::error!(%error, "messages could not be stored");
        appender.abandon();
    }
    outcome
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
