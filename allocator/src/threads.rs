//! Memory given back by every thread of a runtime: none can give back what another took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::{give_back_of_system, give_back_own};

/// How often.
const EVERY: Duration = Duration::from_secs(10);

/// How long a thread that is done waits at most for the others to begin.
const WAIT_MAX: Duration = Duration::from_millis(2);

/// Has every thread of this runtime give back what nobody uses every ten seconds, for ever.
pub async fn give_back_regularly() {
    let mut due = interval(EVERY);
    loop {
        due.tick().await;
        give_back_everywhere().await;
    }
}

/// Once. A runtime has no way to say which thread does what, so there is a task for each, and whoever
/// is done with one takes no second while a thread may still be waking up for it.
async fn give_back_everywhere() {
    let threads = Handle::current().metrics().num_workers();
    let begun = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..threads {
        let begun = Arc::clone(&begun);
        tasks.spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            give_back_own();
            let done = Instant::now();
            while begun.load(Ordering::Relaxed) < threads && done.elapsed() < WAIT_MAX {
                thread::yield_now();
            }
        });
    }
    tasks.join_all().await;
    give_back_of_system();
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Barrier, Mutex, PoisonError};

    use tokio::runtime;

    use super::*;
    use crate::give_back;
    use crate::tests::{MEASURING, resident_bytes};

    const THREADS: usize = 4;
    const TAKEN_BYTES: usize = 64 * 1024 * 1024;

    /// Memory that was taken by every thread, so much by each.
    async fn take() -> Vec<Vec<u8>> {
        let (barrier, names) = (Arc::new(Barrier::new(THREADS)), Arc::default());
        let mut tasks = JoinSet::new();
        for _ in 0..THREADS {
            let (barrier, names) = (Arc::clone(&barrier), Arc::<Mutex<HashSet<_>>>::clone(&names));
            tasks.spawn(async move {
                // Nobody goes on before all threads are here.
                barrier.wait();
                names.lock().unwrap().insert(thread::current().id());
                let pieces = (0..TAKEN_BYTES / 4096).map(|_| vec![1_u8; 4096]);
                pieces.collect::<Vec<_>>()
            });
        }
        let taken = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(names.lock().unwrap().len(), THREADS);
        taken
    }

    #[test]
    fn what_all_threads_took_and_another_freed_is_given_back() {
        let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(THREADS).build().unwrap();
        let before = resident_bytes();
        let taken = runtime.block_on(take());
        assert!(resident_bytes() > before + THREADS * TAKEN_BYTES / 2);
        drop(taken);
        give_back();
        assert!(resident_bytes() > before + THREADS * TAKEN_BYTES / 2, "or this tests nothing");
        // A machine that is busy may not wake all threads in time at once.
        for _ in 0..100 {
            runtime.block_on(give_back_everywhere());
            if resident_bytes() < before + TAKEN_BYTES / 4 {
                return;
            }
        }
        panic!("{before} before, {} after", resident_bytes());
    }
}
