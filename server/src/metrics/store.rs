//! Metrics of the store.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// Buckets of latencies in seconds: start, factor and count. From 50 µs, doubling, to 3.3 s.
const LATENCY_BUCKETS: (f64, f64, u16) = (0.000_05, 2.0, 17);

/// Buckets of batches in messages: start, factor and count. From 1, fourfold, to 65,536.
const BATCH_BUCKETS: (f64, f64, u16) = (1.0, 4.0, 9);

/// Metrics of the store. Updated once per transaction or read.
#[derive(Debug)]
pub struct StoreMetrics {
    /// Duration of transactions, in seconds.
    pub commit_seconds: Histogram,
    /// Messages per transaction.
    pub commit_messages: Histogram,
    /// Failed transactions, of which nothing was stored.
    pub commit_failures: Counter,
    /// Duration of reads from the request to the result, in seconds.
    pub read_seconds: Family<ReadLabels, Histogram, fn() -> Histogram>,
    /// Bytes of the database in use.
    pub used_bytes: Gauge,
    /// Size of the store's files, in bytes.
    pub file_bytes: Gauge,
    /// Size limit of the database, in bytes.
    pub max_bytes: Gauge,
    /// Evicted rooms.
    pub evicted_rooms: Counter,
    /// Messages removed because the store was full.
    pub evicted_messages: Counter,
}

/// The kind of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReadLabels {
    /// `page` or `room`.
    pub kind: &'static str,
}

/// The read of a history page.
pub const READ_PAGE: ReadLabels = ReadLabels { kind: "page" };

/// The read that opens a room.
pub const READ_ROOM: ReadLabels = ReadLabels { kind: "room" };

impl Default for StoreMetrics {
    fn default() -> Self {
        let (start, factor, length) = BATCH_BUCKETS;
        Self {
            commit_seconds: latency(),
            commit_messages: Histogram::new(exponential_buckets(start, factor, length)),
            commit_failures: Counter::default(),
            read_seconds: Family::new_with_constructor(latency),
            used_bytes: Gauge::default(),
            file_bytes: Gauge::default(),
            max_bytes: Gauge::default(),
            evicted_rooms: Counter::default(),
            evicted_messages: Counter::default(),
        }
    }
}

fn latency() -> Histogram {
    let (start, factor, length) = LATENCY_BUCKETS;
    Histogram::new(exponential_buckets(start, factor, length))
}

impl StoreMetrics {
    /// Awaits a read and records its duration.
    pub async fn time_read<T>(&self, kind: ReadLabels, read: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = read.await;
        self.read_seconds.get_or_create(&kind).observe(start.elapsed().as_secs_f64());
        result
    }

    /// Records a successful transaction.
    pub fn record_commit(&self, messages: usize, duration: Duration) {
        self.commit_seconds.observe(duration.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52 messages")]
        self.commit_messages.observe(messages as f64);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { commit_seconds, commit_messages, commit_failures, read_seconds, .. } = self;
        let help = "Duration of a transaction of the store";
        registry.register_with_unit("store_commit", help, Unit::Seconds, commit_seconds.clone());
        let help = "Messages per transaction of the store";
        registry.register("store_commit_messages", help, commit_messages.clone());
        let help = "Failed transactions of the store";
        registry.register("store_commit_failures", help, commit_failures.clone());
        let help = "Duration of a read of the history, including the wait in the queue";
        registry.register_with_unit("history_read", help, Unit::Seconds, read_seconds.clone());
        for kind in [READ_PAGE, READ_ROOM] {
            drop(read_seconds.get_or_create(&kind));
        }
        self.register_size(registry);
    }

    fn register_size(&self, registry: &mut Registry) {
        let sizes = [
            ("store_used", "Bytes of the database in use", &self.used_bytes),
            (
                "store_files",
                "Size of the store's files, including the write-ahead log",
                &self.file_bytes,
            ),
            ("store_max", "Size limit of the database", &self.max_bytes),
        ];
        for (name, help, gauge) in sizes {
            registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        }
        let help = "Rooms evicted because the store was full";
        registry.register("store_evicted_rooms", help, self.evicted_rooms.clone());
        let help = "Messages removed because the store was full";
        registry.register("store_evicted_messages", help, self.evicted_messages.clone());
    }
}
