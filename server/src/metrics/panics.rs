//! Counts panics by task.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Names of short-lived tasks. Long-lived tasks are registered when they start.
const SHORT_LIVED_TASKS: [&str; 4] = ["greeting", "http", "page_reader", "section"];

/// Panics since the start, by task. Tasks without panics have the value 0, so that alerts on an increase
/// work.
#[derive(Debug)]
pub struct Panics(Family<TaskLabels, Counter>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

/// The error of a task that panicked. The panic has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

impl Default for Panics {
    fn default() -> Self {
        let panics = Self(Family::default());
        SHORT_LIVED_TASKS.iter().for_each(|task| panics.register_task(task));
        panics
    }
}

impl Panics {
    /// Registers a task, with the value 0.
    pub fn register_task(&self, task: &'static str) {
        drop(self.0.get_or_create(&TaskLabels { task }));
    }

    /// Counts a panic of a task.
    pub fn count(&self, task: &'static str) {
        self.0.get_or_create(&TaskLabels { task }).inc();
    }

    /// Runs a future and catches a panic. The panic is counted for the task, and the panic hook logs
    /// it.
    ///
    /// # Errors
    /// [`Panicked`] if the future panicked.
    pub async fn catch<T>(
        &self,
        task: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, Panicked> {
        AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
            self.count(task);
            Panicked
        })
    }

    /// Returns how many panics of a task have been counted.
    #[must_use]
    pub fn counted(&self, task: &'static str) -> u64 {
        self.0.get(&TaskLabels { task }).map_or(0, |counter| counter.get())
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Panics, by task";
        registry.register("panics", help, self.0.clone());
    }
}
