//! A counter that many threads increment often. Each thread adds to one of several shards, which are on
//! separate cache lines, and reads sum the shards.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prometheus_client::metrics::counter::{Atomic, Counter};

/// Shards of a counter. With more threads than this, some share a shard.
const SHARDS: usize = 8;

/// The storage of a [`ShardedCounter`].
#[derive(Debug, Default)]
pub struct Shards([Shard; SHARDS]);

/// A counter that many threads increment often.
pub type ShardedCounter = Counter<u64, Shards>;

/// Aligned to two cache lines, because processors prefetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

thread_local! {
    /// The index of the shard that this thread uses in every counter.
    static SHARD: usize = NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

impl Atomic<u64> for Shards {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    /// Returns the old value of this thread's shard, which no caller uses.
    fn inc_by(&self, count: u64) -> u64 {
        // Thread-local storage is gone while a thread ends.
        let shard = SHARD.try_with(|shard| *shard).unwrap_or(0);
        self.0[shard].0.fetch_add(count, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_the_sum_over_all_threads() {
        let counter = ShardedCounter::default();
        let threads: Vec<_> = (0..SHARDS as u64 * 2)
            .map(|number| {
                let counter = counter.clone();
                std::thread::spawn(move || (0..100).for_each(|_| _ = counter.inc_by(number)))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.get(), (0..SHARDS as u64 * 2).sum::<u64>() * 100);
    }
}
