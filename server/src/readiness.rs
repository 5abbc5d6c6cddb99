//! Whether this server should be sent anybody now, as `/readyz` says it and load balancers ask.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use crate::history::Health;

/// Whether the server can serve rooms. Shared by all that find out and all that ask.
#[derive(Debug, Default)]
pub struct Readiness {
    phase: AtomicU8,
    store: OnceLock<Arc<Health>>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The store is not open yet.
    Starting,
    /// All is well.
    Ready,
    /// Nothing can be stored, for this reason: members read, and cannot say anything.
    Failing(String),
    /// The server is going away.
    Draining,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Says that the store is open.
    pub fn opened(&self, store: Arc<Health>) {
        let _ = self.store.set(store);
        // A shutdown may have come first.
        let _ = self.phase.compare_exchange(STARTING, SERVING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Says that the server is going away.
    pub fn drain(&self) {
        self.phase.store(DRAINING, Ordering::SeqCst);
    }

    /// Whether the server is going away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == DRAINING
    }

    /// The answer, as far as it is known without asking the store.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase.load(Ordering::SeqCst) {
            STARTING => State::Starting,
            SERVING => {
                let problem = self.store.get().and_then(|store| store.problem());
                problem.map_or(State::Ready, State::Failing)
            }
            _ => State::Draining,
        }
    }

    /// The answer, with a trial write where the store has written nothing lately.
    pub async fn check(&self) -> State {
        if let (State::Ready | State::Failing(_), Some(store)) = (self.state(), self.store.get())
            && let Err(problem) = store.check().await
            && !self.is_draining()
        {
            return State::Failing(problem);
        }
        self.state()
    }
}

impl State {
    /// For programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Failing(_) => "failing",
            Self::Draining => "draining",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(&self) -> Cow<'static, str> {
        match self {
            Self::Starting => "the store is not open yet".into(),
            Self::Ready => "rooms are served".into(),
            Self::Failing(problem) => format!("nothing can be stored: {problem}").into(),
            Self::Draining => "the server is going away".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Arc<Health> {
        Arc::new(Health::new(|| {}))
    }

    #[tokio::test]
    async fn it_is_ready_between_the_opening_and_the_end_while_the_store_writes() {
        let (readiness, store) = (Readiness::default(), store());
        assert_eq!(readiness.check().await, State::Starting);
        readiness.opened(Arc::clone(&store));
        assert_eq!(readiness.state(), State::Ready);
        store.note(Err("full".to_owned()));
        assert_eq!(readiness.check().await, State::Failing("full".to_owned()));
        store.note(Ok(()));
        assert_eq!(readiness.check().await, State::Ready);
        readiness.drain();
        assert_eq!(readiness.check().await, State::Draining);
    }

    #[test]
    fn a_shutdown_before_the_store_is_open_stays_one() {
        let readiness = Readiness::default();
        readiness.drain();
        readiness.opened(store());
        assert_eq!(readiness.state(), State::Draining);
    }
}
