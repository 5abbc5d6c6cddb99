//! The thread that writes: one transaction for whatever waits.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use xmeet_shared::{MessageId, RoomId};

use super::append::{Append, Appender};
use super::checkpoint::Watch;
use super::queue::Queue;
use crate::history::HistoryError;
use crate::history::health::{Health, TRIAL_EVERY};
use crate::metrics::StoreMetrics;

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
    health: Arc<Health>,
    counts: Arc<StoreMetrics>,
    /// Messages that were committed since [`Self::let_go`] was asked last.
    recent_messages: u64,
}

/// Whoever commits more messages than this between two calls of [`Writer::let_go`] is busy, and keeps
/// the pages of the database that it has in memory.
const QUIET_MESSAGES_MAX: u64 = 1_000;

/// What a trial writes: SQLite's field for the kind of a database, always with the same number. It
/// is in no one's way, and SQLite writes the page that holds it whatever stood there.
const TRIAL: &str = "PRAGMA application_id = 1481467252";

/// Where it is kept. Nobody writes any more when it is taken out.
pub(super) type SharedWriter = Arc<Mutex<Option<Writer>>>;

impl Writer {
    pub(super) fn new(
        connection: Connection,
        kept_max: u64,
        watch: Watch,
        health: Arc<Health>,
        counts: Arc<StoreMetrics>,
    ) -> SharedWriter {
        let appender = Appender::new(kept_max);
        let recent_messages = 0;
        let writer = Self { connection, appender, watch, health, counts, recent_messages };
        Arc::new(Mutex::new(Some(writer)))
    }

    /// Commits a batch and answers each append. Whatever goes wrong, a panic too, nothing of it
    /// stays and the writer goes on.
    pub(super) fn write(&mut self, batch: &mut Vec<Append>) {
        let began = Instant::now();
        let outcome = guarded(|| self.appender.commit(&self.connection, batch));
        if let Err(error) = &outcome {
            tracing::debug!(%error, "messages could not be stored");
            self.appender.abandon(&self.connection);
            self.counts.commit_failures.inc();
        } else {
            let messages: usize = batch.iter().map(Append::messages).sum();
            self.recent_messages += messages as u64;
            self.counts.committed(messages, began.elapsed());
        }
        self.note(&outcome);
        answer(batch, outcome);
    }

    /// Removes the oldest messages of a room up to the one that stays, so many at most, and answers
    /// with how many; `None` when nothing can be written.
    pub(super) fn remove_old(
        &mut self,
        room: &RoomId,
        stays: MessageId,
        count_max: u64,
    ) -> Option<u64> {
        if self.health.is_failing() {
            return None;
        }
        let outcome =
            guarded(|| self.appender.remove_old(&self.connection, room, stays, count_max));
        if outcome.is_err() {
            self.appender.abandon(&self.connection);
        }
        self.note(&outcome);
        outcome.ok()
    }

    /// Gives back the memory that a flood took, once little is written: what is needed again is
    /// found again. Says whether it did.
    pub(super) fn let_go(&mut self) -> bool {
        let is_quiet = mem::take(&mut self.recent_messages) <= QUIET_MESSAGES_MAX;
        if is_quiet {
            self.appender.forget_rooms();
            // Nothing is lost where it does not succeed.
            let _ = guarded(|| self.connection.execute_batch("PRAGMA shrink_memory"));
        }
        is_quiet
    }

    /// Whether the thread must see to the log, or to whether anything can be written again.
    pub(super) fn needs_thread(&self) -> bool {
        self.watch.is_due() || self.health.is_failing()
    }

    fn note<T>(&self, outcome: &Result<T, HistoryError>) {
        let outcome = outcome.as_ref().map(drop);
        self.health.note(outcome.map_err(|error| match error {
            HistoryError::Storage(problem) => problem.clone(),
            HistoryError::Closed => error.to_string(),
        }));
    }

    /// Writes something that nobody reads, if it is due: whether anything can be written must be
    /// known though nobody says anything.
    fn try_out(&mut self) {
        if !self.health.is_trial_due() {
            return;
        }
        if self.health.is_failing() {
            self.watch.make_room(&self.connection);
        }
        let trial = format!("BEGIN IMMEDIATE; {TRIAL}; COMMIT");
        let outcome = guarded(|| self.connection.execute_batch(&trial));
        if outcome.is_err() {
            self.appender.abandon(&self.connection);
        }
        self.note(&outcome);
    }

    /// How long the thread may sleep.
    fn patience(&self) -> Option<Duration> {
        self.health.is_failing().then_some(TRIAL_EVERY)
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
    let mut patience = None;
    while queue.take(&mut batch, BATCH_APPENDS_MAX, BATCH_BYTES_MAX, patience) {
        let mut writer = lock();
        let Some(writer) = writer.as_mut() else { break };
        if !batch.is_empty() {
            writer.write(&mut batch);
        }
        // Whoever waited for this batch does not wait for the checkpoint.
        writer.see_to_log();
        writer.try_out();
        patience = writer.patience();
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
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;

    use tokio::sync::oneshot;

    use super::super::{checkpoint, schema};
    use super::*;
    use crate::history::contract_test::{message, room};

    #[test]
    fn a_panic_is_an_error_like_another() {
        let refused = guarded::<()>(|| panic!("on purpose"));
        assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }

    fn writer(folder: &Path) -> Writer {
        let mut connection = schema::open_for_writing(&folder.join("db")).unwrap();
        let (wake, _) = mpsc::sync_channel(1);
        let watch = Watch::new(&mut connection, checkpoint::BOUNDS, wake, Arc::default()).unwrap();
        let health = Arc::new(Health::new(|| {}));
        let shared = Writer::new(connection, 1000, watch, health, Arc::default());
        shared.lock().unwrap().take().unwrap()
    }

    fn append(writer: &mut Writer, text: &str) -> Result<MessageId, HistoryError> {
        let (sender, mut answer) = oneshot::channel();
        writer.write(&mut vec![Append::new(room("a"), vec![message(text)], sender)]);
        answer.try_recv().unwrap()
    }

    #[test]
    fn whoever_is_busy_keeps_its_memory_until_it_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut writer = writer(folder.path());
        let many = (0..=QUIET_MESSAGES_MAX).map(|_| message("x")).collect();
        let (sender, _answer) = oneshot::channel();
        writer.write(&mut vec![Append::new(room("a"), many, sender)]);
        assert!(!writer.let_go());
        assert!(writer.let_go());
        assert_eq!(append(&mut writer, "next"), Ok(QUIET_MESSAGES_MAX + 2));
    }

    /// Each way in which SQLite refuses to write leaves the writer able to write, and ids go on
    /// where they were.
    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut writer = writer(folder.path());
        assert_eq!(append(&mut writer, "1"), Ok(1));
        let pages: i64 =
            writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let ways = [
            (format!("max_page_count = {pages}"), "max_page_count = 1000000", "full"),
            ("query_only = on".to_owned(), "query_only = off", "readonly"),
        ];
        for (number, (refuse, permit, words)) in ways.iter().enumerate() {
            writer.connection.execute_batch(&format!("PRAGMA {refuse}")).unwrap();
            let long = "x".repeat(100_000);
            for _ in 0..3 {
                let refused = append(&mut writer, &long).unwrap_err();
                assert!(refused.to_string().contains(words), "{refused}");
            }
            assert!(writer.health.problem().unwrap().contains(words));
            writer.connection.execute_batch(&format!("PRAGMA {permit}")).unwrap();
            while writer.health.is_failing() {
                thread::sleep(Duration::from_millis(20));
                writer.try_out();
            }
            assert_eq!(append(&mut writer, &long), Ok(2 + number as u64));
        }
    }
}
