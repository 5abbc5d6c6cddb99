//! Whether the store can write: what its latest write says, and a trial write where there was none
//! lately.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

/// A write that is not older than this says how the store is now.
const FRESH: Duration = Duration::from_secs(2);

/// How long a trial write may take before the store counts as one that does not answer.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two trials while the store cannot write: so soon it is found to work again.
pub(super) const TRIAL_EVERY: Duration = Duration::from_secs(1);

/// How the store is. Shared by who writes and who wants to know.
pub struct Health {
    state: Mutex<State>,
    /// How many writes somebody has waited for.
    answered: watch::Sender<u64>,
    wake_writer: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    /// Why nothing can be written.
    problem: Option<String>,
    latest_write: Option<Instant>,
    latest_trial: Option<Instant>,
    is_asked: bool,
}

impl Health {
    /// A store of which nothing is known yet. `wake_writer` has whoever writes look whether
    /// [`Self::is_trial_due`].
    pub(crate) fn new(wake_writer: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            answered: watch::Sender::new(0),
            wake_writer: Box::new(wake_writer),
        }
    }

    /// Why nothing can be written, as far as the latest write tells; `None` when it succeeded. In
    /// SQLite's words, which name no room and no person.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// Finds out whether the store can write now: by the latest write if it is fresh, and else by
    /// a trial.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub async fn check(&self) -> Result<(), String> {
        let mut answered = self.answered.subscribe();
        let is_fresh = {
            let mut state = self.state();
            let is_fresh = state.latest_write.is_some_and(|latest| latest.elapsed() < FRESH);
            state.is_asked |= !is_fresh;
            is_fresh
        };
        if !is_fresh {
            (self.wake_writer)();
            if timeout(TRIAL_TIMEOUT, answered.changed()).await.is_err() {
                return Err("the store does not answer".to_owned());
            }
        }
        self.problem().map_or(Ok(()), Err)
    }

    /// Whether the latest write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.state().problem.is_some()
    }

    /// Whether a trial write is due: somebody asked, or it is time to see whether the store works
    /// again. Says so once.
    pub(super) fn is_trial_due(&self) -> bool {
        let mut state = self.state();
        let is_late = state.latest_trial.is_none_or(|latest| latest.elapsed() >= TRIAL_EVERY);
        let is_due = state.is_asked || (state.problem.is_some() && is_late);
        if is_due {
            state.latest_trial = Some(Instant::now());
        }
        is_due
    }

    /// Notes how a write went.
    pub(crate) fn note(&self, outcome: Result<(), String>) {
        let mut state = self.state();
        state.latest_write = Some(Instant::now());
        let problem = outcome.err();
        match (&state.problem, &problem) {
            (None, Some(problem)) => {
                // Once, however many messages are refused from here on.
                tracing::error!(problem, "the history cannot be written: messages are refused");
            }
            (Some(_), None) => tracing::info!("the history can be written again"),
            _ => {}
        }
        state.problem = problem;
        if std::mem::take(&mut state.is_asked) {
            self.answered.send_modify(|count| *count += 1);
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
    async fn a_fresh_write_answers_and_else_a_trial_is_asked_for() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let health = Health::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert!(!health.is_trial_due());
        let mut asking = Box::pin(health.check());
        assert_eq!((&mut asking).now_or_never(), None);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(health.is_trial_due());
        health.note(Err("full".to_owned()));
        assert_eq!(asking.await, Err("full".to_owned()));
        assert_eq!(health.check().now_or_never(), Some(Err("full".to_owned())));
        health.note(Ok(()));
        assert_eq!(health.check().now_or_never(), Some(Ok(())));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(!health.is_trial_due());
    }

    #[test]
    fn a_store_that_fails_is_tried_now_and_then() {
        let health = Health::new(|| {});
        health.note(Err("full".to_owned()));
        assert!(health.is_trial_due());
        health.note(Err("full".to_owned()));
        assert!(!health.is_trial_due(), "not again at once");
        assert_eq!(health.problem().as_deref(), Some("full"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_not_waited_for() {
        let health = Health::new(|| {});
        assert_eq!(health.check().await, Err("the store does not answer".to_owned()));
    }
}
