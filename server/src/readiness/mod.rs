//! The readiness of the server, which `/readyz` reports to load balancers.

pub(crate) mod health;

pub use health::Health;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// Whether the server can serve clients. Shared by the parts that set it and those that report it.
#[derive(Debug, Default)]
pub struct Readiness {
    phase: AtomicU8,
    store: OnceLock<Arc<Health>>,
}

/// The readiness at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The store is not open yet.
    Starting,
    /// Clients are served.
    Ready,
    /// The store does not work, for this reason. Members can still read what is in memory, but their
    /// messages are rejected.
    Failing(String),
    /// The server is shutting down.
    Draining,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Records that the store is open and clients can be served.
    pub fn set_open(&self, store: Arc<Health>) {
        let _ = self.store.set(store);
        // Stays `DRAINING` if the shutdown has already begun.
        let _ = self.phase.compare_exchange(STARTING, SERVING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Records that the shutdown has begun.
    pub fn drain(&self) {
        self.phase.store(DRAINING, Ordering::SeqCst);
    }

    /// Returns whether the shutdown has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == DRAINING
    }

    /// Returns the readiness as far as it is known without a probe of the store.
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

    /// Returns the readiness. Probes the store if nothing was written to it lately.
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
    /// Returns the status code in the response, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Failing(_) => "failing",
            Self::Draining => "draining",
        }
    }

    /// Returns a description of the status, for people.
    #[must_use]
    pub fn words(&self) -> Cow<'static, str> {
        match self {
            Self::Starting => "the store is not open yet".into(),
            Self::Ready => "rooms are served".into(),
            Self::Failing(problem) => format!("nothing can be stored: {problem}").into(),
            Self::Draining => "the server is shutting down".into(),
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
    async fn ready_while_the_store_is_open_and_writes_succeed() {
        let (readiness, store) = (Readiness::default(), store());
        assert_eq!(readiness.check().await, State::Starting);
        readiness.set_open(Arc::clone(&store));
        assert_eq!(readiness.state(), State::Ready);
        store.record_write(Err("full".to_owned()));
        assert_eq!(readiness.check().await, State::Failing("full".to_owned()));
        store.record_write(Ok(()));
        assert_eq!(readiness.check().await, State::Ready);
        readiness.drain();
        assert_eq!(readiness.check().await, State::Draining);
    }

    #[test]
    fn opening_the_store_after_a_shutdown_began_keeps_draining() {
        let readiness = Readiness::default();
        readiness.drain();
        readiness.set_open(store());
        assert_eq!(readiness.state(), State::Draining);
    }
}
