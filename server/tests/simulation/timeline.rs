//! Virtual time, and the order of events at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// The time and order of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Virtual milliseconds since the start of the run. The server's own work takes no virtual time.
    pub(crate) ms: u64,
    /// Later events have larger numbers.
    pub(crate) step: u64,
}

/// The clock of a run. Clones share it.
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

    /// Returns the current time with the next number.
    pub(crate) fn now(&self) -> Moment {
        Moment { ms: self.ms(), step: self.last_step.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}
