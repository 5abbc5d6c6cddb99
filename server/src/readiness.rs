//! Whether this server should be sent anybody now, as `/readyz` says it and load balancers ask.

use std::sync::atomic::{AtomicU8, Ordering};

/// Whether the server can serve rooms. Shared by all that find out and all that ask.
#[derive(Debug, Default)]
pub struct Readiness {
    phase: AtomicU8,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The store is not open yet.
    Starting,
    /// All is well.
    Ready,
    /// The server is going away.
    Draining,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Says that the store is open.
    pub fn opened(&self) {
        // A shutdown may have come first.
        let _ = self.phase.compare_exchange(STARTING, SERVING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Says that the server is going away.
    pub fn drain(&self) {
        self.phase.store(DRAINING, Ordering::SeqCst);
    }

    /// The answer.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase.load(Ordering::SeqCst) {
            STARTING => State::Starting,
            SERVING => State::Ready,
            _ => State::Draining,
        }
    }
}

impl State {
    /// For programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Starting => "the store is not open yet",
            Self::Ready => "rooms are served",
            Self::Draining => "the server is going away",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_between_the_opening_and_the_end() {
        let readiness = Readiness::default();
        assert_eq!(readiness.state(), State::Starting);
        readiness.opened();
        assert_eq!(readiness.state(), State::Ready);
        readiness.drain();
        assert_eq!(readiness.state(), State::Draining);
    }

    #[test]
    fn a_shutdown_before_the_store_is_open_stays_one() {
        let readiness = Readiness::default();
        readiness.drain();
        readiness.opened();
        assert_eq!(readiness.state(), State::Draining);
    }
}
