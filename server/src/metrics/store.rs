//! What is counted of the store.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// Bounds of the latencies' buckets in seconds: from 50 µs, doubling, up to 3.3 s.
const LATENCY_BUCKETS: (f64, f64, u16) = (0.000_05, 2.0, 17);

/// Bounds of the batches' buckets in messages: from 1, fourfold, up to 65,536.
const BATCH_BUCKETS: (f64, f64, u16) = (1.0, 4.0, 9);

/// Of the store. Added to once for a transaction or a read.
#[derive(Debug)]
pub struct StoreMetrics {
    /// What a transaction took, in seconds.
    pub commit_seconds: Histogram,
    /// How many messages it kept.
    pub commit_messages: Histogram,
    /// Transactions that failed: nothing of them was kept.
    pub commit_failures: Counter,
    /// What a read took from the question to the answer, in seconds.
    pub read_seconds: Family<ReadLabels, Histogram, fn() -> Histogram>,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReadLabels {
    /// `page`, a page that somebody asked for; `room`, what is held of a room that is opened.
    pub kind: &'static str,
}

/// A page that somebody asked for.
pub const READ_PAGE: ReadLabels = ReadLabels { kind: "page" };

/// What is held of a room that is opened.
pub const READ_ROOM: ReadLabels = ReadLabels { kind: "room" };

impl Default for StoreMetrics {
    fn default() -> Self {
        let (start, factor, length) = BATCH_BUCKETS;
        Self {
            commit_seconds: latency(),
            commit_messages: Histogram::new(exponential_buckets(start, factor, length)),
            commit_failures: Counter::default(),
            read_seconds: Family::new_with_constructor(latency),
        }
    }
}

fn latency() -> Histogram {
    let (start, factor, length) = LATENCY_BUCKETS;
    Histogram::new(exponential_buckets(start, factor, length))
}

impl StoreMetrics {
    /// Waits for what is read, and counts how long that took.
    pub async fn timed<T>(&self, kind: ReadLabels, read: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = read.await;
        self.read_seconds.get_or_create(&kind).observe(began.elapsed().as_secs_f64());
        answer
    }

    /// Counts a transaction that kept so many messages.
    pub fn committed(&self, messages: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52 messages")]
        self.commit_messages.observe(messages as f64);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { commit_seconds, commit_messages, commit_failures, read_seconds } = self;
        let help = "What a transaction of the store took";
        registry.register_with_unit("store_commit", help, Unit::Seconds, commit_seconds.clone());
        let help = "Messages that a transaction of the store kept";
        registry.register("store_commit_messages", help, commit_messages.clone());
        let help = "Transactions of the store that failed";
        registry.register("store_commit_failures", help, commit_failures.clone());
        let help = "What a read of the history took, queueing included";
        registry.register_with_unit("history_read", help, Unit::Seconds, read_seconds.clone());
        for kind in [READ_PAGE, READ_ROOM] {
            drop(read_seconds.get_or_create(&kind));
        }
    }
}
