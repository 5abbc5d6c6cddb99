//! A counter for what happens all the time on every thread: each thread adds to a cache line of its
//! own, and the lines are summed when somebody asks.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prometheus_client::metrics::counter::{Atomic, Counter};

/// Lines of a counter. More threads than that share some.
const LINES: usize = 8;

/// The storage of such a counter.
#[derive(Debug, Default)]
pub struct Spread([Line; LINES]);

/// A counter that many threads add to.
pub type SpreadCounter = Counter<u64, Spread>;

/// Two cache lines, for processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

thread_local! {
    /// The line that this thread adds to, in every counter.
    static LINE: usize = NEXT_LINE.fetch_add(1, Ordering::Relaxed) % LINES;
}

static NEXT_LINE: AtomicUsize = AtomicUsize::new(0);

impl Atomic<u64> for Spread {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    /// What it returns is about this thread's line only, and means nothing.
    fn inc_by(&self, count: u64) -> u64 {
        // A thread that is about to end has no line of its own any more.
        let line = LINE.try_with(|line| *line).unwrap_or(0);
        self.0[line].0.fetch_add(count, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_add_is_there() {
        let counter = SpreadCounter::default();
        let threads: Vec<_> = (0..LINES as u64 * 2)
            .map(|number| {
                let counter = counter.clone();
                std::thread::spawn(move || (0..100).for_each(|_| _ = counter.inc_by(number)))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.get(), (0..LINES as u64 * 2).sum::<u64>() * 100);
    }
}
