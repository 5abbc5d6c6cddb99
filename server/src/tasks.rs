//! Supervises background tasks. A panic is counted and logged. Then the task is restarted, or the server
//! ends with an exit code for panics.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::metrics::Panics;

/// Restarts of one task over the lifetime of the process. After one more panic the server ends, because
/// restarts do not help.
pub const RESTARTS_MAX: u32 = 5;

/// Starts and supervises the tasks of one server. Clones share the supervision.
#[derive(Debug, Clone)]
pub struct Tasks {
    panics: Arc<Panics>,
    /// The first essential task that failed.
    failed: watch::Sender<Option<&'static str>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { panics: Arc::default(), failed: watch::Sender::new(None) }
    }
}

impl Tasks {
    /// Returns the panic counters, for tasks whose panics end nothing else.
    #[must_use]
    pub fn panics(&self) -> &Arc<Panics> {
        &self.panics
    }

    /// Spawns an essential task. If it panics, [`Self::failed`] returns and the server ends.
    pub fn spawn_essential(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let tasks = self.clone();
        self.panics.register_task(name);
        tokio::spawn(async move {
            let work = async {
                faults::panic_if_requested(name);
                work.await;
            };
            if tasks.panics.catch(name, work).await.is_err() {
                tasks.fail(name);
            }
        })
    }

    /// Spawns a task that can be restarted. After a panic, `make` creates it again, at most
    /// [`RESTARTS_MAX`] times; then it counts as failed.
    pub fn spawn_restarting<W>(
        &self,
        name: &'static str,
        mut make: impl FnMut() -> W + Send + 'static,
    ) -> JoinHandle<()>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.panics.register_task(name);
        tokio::spawn(async move {
            for restart in 0..=RESTARTS_MAX {
                let work = async {
                    faults::panic_if_requested(name);
                    make().await;
                };
                if tasks.panics.catch(name, work).await.is_ok() {
                    return;
                }
                tracing::error!(
                    task = name,
                    restart,
                    restarts_max = RESTARTS_MAX,
                    "a task panicked"
                );
            }
            tasks.fail(name);
        })
    }

    /// Records a panic of an essential part that is not a task, such as a thread.
    pub fn report_panic(&self, name: &'static str) {
        self.panics.count(name);
        self.fail(name);
    }

    /// Waits until an essential task or part fails, and returns its name.
    pub async fn failed(&self) -> &'static str {
        let mut failed = self.failed.subscribe();
        let name = failed.wait_for(Option::is_some).await.ok().and_then(|name| *name);
        match name {
            Some(name) => name,
            // `self` holds a sender, so the channel cannot be closed.
            None => std::future::pending().await,
        }
    }

    /// Records the first failed task, which ends the server.
    fn fail(&self, name: &'static str) {
        tracing::error!(task = name, "an essential task failed: the server ends");
        self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            failed.get_or_insert(name);
            is_first
        });
    }
}

/// Runs blocking work on a blocking thread. A panic of the work continues in the caller, where it is
/// counted for the caller's task. Returns `None` while the runtime shuts down.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

/// Fault injection for tests: a debug build panics in the task that an environment variable names. Release
/// builds ignore the variable.
pub(crate) mod faults {
    /// The name of a task, and how often it panics when it starts, such as `keepalive:1`.
    #[cfg(debug_assertions)]
    const VARIABLE: &str = "TEST_PANIC_AT_START";

    /// Panics if a test requested it for this task.
    #[cfg(debug_assertions)]
    pub(crate) fn panic_if_requested(task: &str) {
        use std::sync::atomic::{AtomicU32, Ordering};
        static PANICS: AtomicU32 = AtomicU32::new(0);
        let Ok(request) = std::env::var(VARIABLE) else { return };
        let Some((name, times)) = request.split_once(':') else { return };
        let is_due =
            || times.parse().is_ok_and(|times: u32| PANICS.fetch_add(1, Ordering::Relaxed) < times);
        if name == task && is_due() {
            panic!("requested by a test");
        }
    }

    /// Does nothing.
    #[cfg(not(debug_assertions))]
    pub(crate) fn panic_if_requested(_: &str) {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const TEST_TIMEOUT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn task_that_panics_once_is_restarted_and_counted() {
        let (tasks, starts) = (Tasks::default(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&starts);
        let task = tasks.spawn_restarting("probe", move || {
            let start = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(start > 0, "the first start panics") }
        });
        timeout(TEST_TIMEOUT, task).await.unwrap().unwrap();
        assert_eq!(starts.load(Ordering::Relaxed), 2);
        assert_eq!(tasks.panics().counted("probe"), 1);
        assert_eq!(*tasks.failed.borrow(), None);
    }

    #[tokio::test]
    async fn task_that_always_panics_fails_the_server_after_the_last_restart() {
        let tasks = Tasks::default();
        let _task = tasks.spawn_restarting("probe", || async { panic!("every start panics") });
        assert_eq!(timeout(TEST_TIMEOUT, tasks.failed()).await, Ok("probe"));
        assert_eq!(tasks.panics().counted("probe"), u64::from(RESTARTS_MAX) + 1);
    }

    #[tokio::test]
    async fn essential_task_fails_the_server_if_it_panics_but_not_if_it_ends() {
        let tasks = Tasks::default();
        timeout(TEST_TIMEOUT, tasks.spawn_essential("finite", async {})).await.unwrap().unwrap();
        assert_eq!(*tasks.failed.borrow(), None);
        let _first = tasks.spawn_essential("probe", async { panic!("first") });
        assert_eq!(timeout(TEST_TIMEOUT, tasks.failed()).await, Ok("probe"));
        // The first name is kept, and later callers get it too.
        tasks.report_panic("later");
        assert_eq!(timeout(TEST_TIMEOUT, tasks.failed()).await, Ok("probe"));
        assert_eq!(tasks.panics().counted("later"), 1);
    }
}
