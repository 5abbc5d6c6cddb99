//! Releases the free memory of every worker thread of a runtime. A thread can release only what it
//! allocated itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::{collect_mimalloc, trim_system_allocator};

/// Time between two releases.
const INTERVAL: Duration = Duration::from_secs(10);

/// Maximum time that a finished task keeps its thread busy until the tasks of all other threads have
/// started.
const WAIT_MAX: Duration = Duration::from_millis(2);

/// Releases the free memory of all worker threads of this runtime every ten seconds. Never returns.
pub async fn release_regularly() {
    let mut due = interval(INTERVAL);
    loop {
        due.tick().await;
        release_on_all_workers().await;
    }
}

/// Releases the free memory of all worker threads once. A task cannot be assigned to a thread, so this
/// spawns one task per thread. A thread that is done spins for up to [`WAIT_MAX`], so that it does not
/// take a second task before another thread has woken up.
async fn release_on_all_workers() {
    let threads = Handle::current().metrics().num_workers();
    let started = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..threads {
        let started = Arc::clone(&started);
        tasks.spawn(async move {
            started.fetch_add(1, Ordering::Relaxed);
            collect_mimalloc();
            let done = Instant::now();
            while started.load(Ordering::Relaxed) < threads && done.elapsed() < WAIT_MAX {
                thread::yield_now();
            }
        });
    }
    tasks.join_all().await;
    trim_system_allocator();
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Barrier, Mutex, PoisonError};

    use tokio::runtime;

    use super::*;
    use crate::release_memory;
    use crate::tests::{MEASURING, resident_bytes};

    const THREADS: usize = 4;
    const ALLOCATED_BYTES: usize = 64 * 1024 * 1024;

    /// Allocates memory on every thread.
    async fn allocate() -> Vec<Vec<u8>> {
        let (barrier, names) = (Arc::new(Barrier::new(THREADS)), Arc::default());
        let mut tasks = JoinSet::new();
        for _ in 0..THREADS {
            let (barrier, names) = (Arc::clone(&barrier), Arc::<Mutex<HashSet<_>>>::clone(&names));
            tasks.spawn(async move {
                // Blocks until every thread runs one of the tasks.
                barrier.wait();
                names.lock().unwrap().insert(thread::current().id());
                let pieces = (0..ALLOCATED_BYTES / 4096).map(|_| vec![1_u8; 4096]);
                pieces.collect::<Vec<_>>()
            });
        }
        let allocated = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(names.lock().unwrap().len(), THREADS);
        allocated
    }

    #[test]
    fn memory_of_all_threads_is_returned_after_another_thread_freed_it() {
        let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(THREADS).build().unwrap();
        let before = resident_bytes();
        let allocated = runtime.block_on(allocate());
        assert!(resident_bytes() > before + THREADS * ALLOCATED_BYTES / 2);
        drop(allocated);
        release_memory();
        assert!(
            resident_bytes() > before + THREADS * ALLOCATED_BYTES / 2,
            "one thread alone cannot release it"
        );
        // On a busy machine some threads may not wake up in time, so this repeats.
        for _ in 0..100 {
            runtime.block_on(release_on_all_workers());
            if resident_bytes() < before + ALLOCATED_BYTES / 4 {
                return;
            }
        }
        panic!("{before} before, {} after", resident_bytes());
    }
}
