//! The health of the store. It combines the outcomes of recent writes and reads with checks of the
//! database's files. If nothing was written lately, a probe of the writer shows whether writes work.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

/// A write or probe younger than this makes a further probe unnecessary.
const FRESH_TIME: Duration = Duration::from_secs(2);

/// How long a check waits for a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Time between two probes while writes fail, and so the delay until recovery is noticed.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two probes that write to the disk while writes work. The probes between them only take
/// the write lock, so that frequent checks of an idle server do not wear out its disk.
const PROBE_WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// The health of the store, shared by the history's threads and everything that asks for it.
pub struct Health {
    state: Mutex<State>,
    /// Counts the requested probes that are complete.
    completed_probes: watch::Sender<u64>,
    wake_writer: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the latest write or probe failed.
    write_problem: Option<String>,
    /// The problem with the database's files.
    file_problem: Option<String>,
    /// Why reads fail, by the number of the reader.
    read_problems: BTreeMap<usize, String>,
    /// When a write or a probe last ended.
    last_result: Option<Instant>,
    /// When a write to the disk last ended.
    last_write: Option<Instant>,
    /// When a probe was last handed to the writer.
    last_probe: Option<Instant>,
    is_probe_requested: bool,
}

/// A test of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Write a page to the write-ahead log.
    Write,
    /// Take and release the write lock.
    Lock,
}

impl State {
    fn problem(&self) -> Option<&String> {
        let write = self.file_problem.as_ref().or(self.write_problem.as_ref());
        write.or_else(|| self.read_problems.values().next())
    }

    fn due_probe(&self, now: Instant) -> Option<Probe> {
        let is_older = |last: Option<Instant>, time| last.is_none_or(|at| now - at >= time);
        let is_failing = self.write_problem.is_some();
        let is_due =
            self.is_probe_requested || (is_failing && is_older(self.last_probe, PROBE_INTERVAL));
        let must_write = is_failing || is_older(self.last_write, PROBE_WRITE_INTERVAL);
        is_due.then_some(if must_write { Probe::Write } else { Probe::Lock })
    }
}

impl Health {
    /// Creates the health of a store without known problems. `wake_writer` must make the writer call
    /// [`Self::due_probe`] soon.
    pub(crate) fn new(wake_writer: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            completed_probes: watch::Sender::new(0),
            wake_writer: Box::new(wake_writer),
        }
    }

    /// Returns the known problem of the store: a message of SQLite or of the operating system, which
    /// contains no names of rooms or members.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.state().problem().cloned()
    }

    /// Checks whether the store works. Uses the result of the latest write if it is recent, and
    /// otherwise waits for a probe.
    ///
    /// # Errors
    /// The problem, or that the store does not answer in time.
    pub async fn check(&self) -> Result<(), String> {
        let mut completed = self.completed_probes.subscribe();
        let is_fresh = {
            let mut state = self.state();
            let is_fresh = state.last_result.is_some_and(|last| last.elapsed() < FRESH_TIME);
            state.is_probe_requested |= !is_fresh;
            is_fresh
        };
        if !is_fresh {
            (self.wake_writer)();
            if timeout(PROBE_TIMEOUT, completed.changed()).await.is_err() {
                return Err("the store does not answer".to_owned());
            }
        }
        self.problem().map_or(Ok(()), Err)
    }

    /// Returns whether the latest write or probe failed.
    pub(crate) fn is_write_failing(&self) -> bool {
        self.state().write_problem.is_some()
    }

    /// Returns the problem with the database's files. Data written now could be lost.
    pub(crate) fn file_problem(&self) -> Option<String> {
        self.state().file_problem.clone()
    }

    /// Returns the probe that the writer has to run now: one was requested, or writes fail and may
    /// work again.
    pub(crate) fn due_probe(&self) -> Option<Probe> {
        let mut state = self.state();
        let now = Instant::now();
        let due = state.due_probe(now);
        if due.is_some() {
            state.last_probe = Some(now);
        }
        due
    }

    /// Records the outcome of a write to the disk.
    pub(crate) fn record_write(&self, outcome: Result<(), String>) {
        self.state().last_write = Some(Instant::now());
        self.record_probe(outcome);
    }

    /// Records the outcome of a probe that did not write to the disk.
    pub(crate) fn record_probe(&self, outcome: Result<(), String>) {
        let mut state = self.state();
        state.last_result = Some(Instant::now());
        let problem = outcome.err();
        match (&state.write_problem, &problem) {
            (None, Some(problem)) => {
                // Logged once, however many messages are rejected until writes work again.
                tracing::error!(problem, "the history cannot be written: messages are refused");
            }
            (Some(_), None) => tracing::info!("the history can be written again"),
            _ => {}
        }
        state.write_problem = problem;
        if std::mem::take(&mut state.is_probe_requested) {
            self.completed_probes.send_modify(|count| *count += 1);
        }
    }

    /// Records the outcome of a check of the database's files.
    pub(crate) fn record_file_check(&self, outcome: Result<(), String>) {
        let mut state = self.state();
        let problem = outcome.err();
        match (&state.file_problem, &problem) {
            (None, Some(problem)) => {
                tracing::error!(problem, "the history's files are damaged: messages are refused");
            }
            (Some(_), None) => tracing::info!("the history's files are intact again"),
            _ => {}
        }
        state.file_problem = problem;
    }

    /// Records the outcome of a read. After an error, the reader must report `Ok` only when the same
    /// read has succeeded.
    pub(crate) fn record_read(&self, reader: usize, outcome: Result<(), String>) {
        let mut state = self.state();
        let had_problem = !state.read_problems.is_empty();
        match outcome {
            Ok(()) => {
                state.read_problems.remove(&reader);
                if had_problem && state.read_problems.is_empty() {
                    tracing::info!("the history can be read again");
                }
            }
            Err(problem) => {
                if !had_problem {
                    tracing::error!(problem, "the history cannot be read");
                }
                state.read_problems.insert(reader, problem);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("problem", &self.problem()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn check_requests_a_probe_unless_a_write_is_recent() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let health = Health::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(health.due_probe(), None);
        let mut asking = Box::pin(health.check());
        assert_eq!((&mut asking).now_or_never(), None);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(health.due_probe(), Some(Probe::Write));
        health.record_write(Err("full".to_owned()));
        assert_eq!(asking.await, Err("full".to_owned()));
        assert_eq!(health.check().now_or_never(), Some(Err("full".to_owned())));
        health.record_write(Ok(()));
        assert_eq!(health.check().now_or_never(), Some(Ok(())));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(health.due_probe(), None);
    }

    #[test]
    fn failing_store_is_probed_at_intervals() {
        let health = Health::new(|| {});
        health.record_write(Err("full".to_owned()));
        assert_eq!(health.due_probe(), Some(Probe::Write));
        health.record_write(Err("full".to_owned()));
        assert_eq!(health.due_probe(), None, "not again at once");
        assert_eq!(health.problem().as_deref(), Some("full"));
    }

    #[test]
    fn frequent_checks_of_an_idle_store_write_once_a_minute() {
        let begun = Instant::now();
        let mut state = State { is_probe_requested: true, ..State::default() };
        let mut written = Vec::new();
        for seconds in 0..180 {
            let now = begun + Duration::from_secs(seconds);
            if state.due_probe(now) == Some(Probe::Write) {
                state.last_write = Some(now);
                written.push(seconds);
            }
        }
        assert_eq!(written, [0, 60, 120]);
    }

    #[test]
    fn problem_lasts_until_its_own_source_recovers() {
        let health = Health::new(|| {});
        let problem = || Err("why".to_owned());
        health.record_file_check(problem());
        health.record_write(Ok(()));
        assert!(health.problem().is_some() && health.file_problem().is_some());
        health.record_file_check(Ok(()));
        assert_eq!(health.problem(), None);
        health.record_read(0, problem());
        health.record_read(1, problem());
        health.record_read(0, Ok(()));
        assert!(health.problem().is_some(), "the other reader still cannot read");
        assert!(!health.is_write_failing(), "failing reads do not reject writes");
        health.record_read(1, Ok(()));
        assert_eq!(health.problem(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn check_of_a_hanging_store_times_out() {
        let health = Health::new(|| {});
        assert_eq!(health.check().await, Err("the store does not answer".to_owned()));
    }
}
