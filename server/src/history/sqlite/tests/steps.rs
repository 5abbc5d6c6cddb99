//! Counts steps of SQLite's virtual machine: a cost that does not depend on the load of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

/// Counts the steps of a connection.
pub(in crate::history::sqlite) struct Steps(Arc<AtomicUsize>);

impl Steps {
    /// Starts to count.
    pub(in crate::history::sqlite) fn of(connection: &mut Connection) -> Self {
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&steps);
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(count)).unwrap();
        Self(steps)
    }

    /// Returns the steps since the last call.
    pub(in crate::history::sqlite) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}
