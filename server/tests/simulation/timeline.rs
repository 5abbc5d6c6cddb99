//! Virtual time, and the order of what happens within one moment of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// When something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Virtual milliseconds since the run began. The server's own work takes none.
    pub(crate) ms: u64,
    /// What happened earlier in the run has a smaller one.
    pub(crate) step: u64,
}

/// The time of one run. Shared by all that note when something happened.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    start: Instant,
    last_step: Arc<AtomicU64>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), last_step: Arc::default() }
    }

    pub(crate) fn ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).expect("a run is short")
    }

    /// The next moment.
    pub(crate) fn now(&self) -> Moment {
        Moment { ms: self.ms(), step: self.last_step.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}
