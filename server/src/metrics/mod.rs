//! The metrics of the server, in Prometheus' text format. Each server has its own set.
//!
//! Code that counts something holds the set, and updates it once per transaction, read, connection or
//! round of a room, never per delivery. docs/operations.md explains each metric, and a test compares
//! the two.

mod connections;
mod gauge_guard;
mod panics;
mod process;
mod rooms;
mod sharded_counter;
mod store;

pub use connections::{
    ClosedLabels, ConnectionMetrics, HANDSHAKE_CODES, RefusedLabels, TrafficMetrics,
};
pub use gauge_guard::GaugeGuard;
pub use panics::{Panicked, Panics};
pub use rooms::{ResumeLabels, ResumeOutcome, RoomMetrics};
pub use sharded_counter::{ShardedCounter, Shards};
pub use store::{READ_PAGE, READ_ROOM, ReadLabels, StoreMetrics};

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::limits::counters::LimitCounters;
use crate::readiness::{Readiness, State};
use crate::telemetry;
use crate::version;
use crate::wire::budget::{MemoryBudget, Part};
use process::Process;

/// Prefix of all metrics, except those of the process.
const PREFIX: &str = "xmeet";

/// The metrics of one server. Clones are cheap and share the values.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Connections.
    pub connections: Arc<ConnectionMetrics>,
    /// Messages and bytes.
    pub traffic: Arc<TrafficMetrics>,
    /// Rooms and members.
    pub rooms: Arc<RoomMetrics>,
    /// The store.
    pub store: Arc<StoreMetrics>,
    /// How often limits were reached.
    pub limits: Arc<LimitCounters>,
    /// Panics of background tasks.
    pub panics: Arc<Panics>,
    /// Memory of data in transit.
    pub memory: Arc<MemoryBudget>,
}

impl Metrics {
    /// Registers every metric under its name.
    #[must_use]
    pub fn registry(&self, readiness: Arc<Readiness>) -> Registry {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix(PREFIX);
        self.connections.register(registry);
        self.traffic.register(registry);
        self.rooms.register(registry);
        self.store.register(registry);
        self.panics.register(registry);
        registry.register_collector(Box::new(Limits(Arc::clone(&self.limits))));
        registry.register_collector(Box::new(Waiting(Arc::clone(&self.memory))));
        registry.register_collector(Box::new(Ready(readiness)));
        registry.register_collector(Box::new(LogLines));
        let build = Info::new([
            ("version", version::VERSION),
            ("commit", version::COMMIT),
            ("build_date", version::BUILD_DATE.as_str()),
        ]);
        registry.register("build", "Version of the running server; always 1", build);
        all.register_collector(Box::new(Process));
        all
    }
}

/// Encodes all metrics in Prometheus' text format.
///
/// # Errors
/// If a metric cannot be encoded, which does not happen.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, registry)?;
    Ok(text)
}

/// Dropped lines of the log, which is shared by the whole process.
#[derive(Debug)]
struct LogLines;

impl Collector for LogLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let dropped = ConstCounter::new(telemetry::dropped_lines());
        let help = "Log lines dropped because the log is not read fast enough";
        let kind = MetricType::Counter;
        dropped.encode(encoder.encode_descriptor("log_dropped_lines", help, None, kind)?)
    }
}

/// Whether the server is ready.
#[derive(Debug)]
struct Ready(Arc<Readiness>);

impl Collector for Ready {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let ready = ConstGauge::new(i64::from(self.0.state() == State::Ready));
        let help = "1 if clients are served and the store works, else 0";
        ready.encode(encoder.encode_descriptor("ready", help, None, MetricType::Gauge)?)
    }
}

/// The memory of data in transit.
#[derive(Debug)]
struct Waiting(Arc<MemoryBudget>);

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Memory of data in transit, by part";
        let (unit, kind) = (Some(&Unit::Bytes), MetricType::Gauge);
        let mut family = encoder.encode_descriptor("waiting", help, unit, kind)?;
        for (part, name) in Part::ALL {
            let bytes = i64::try_from(self.0.part_bytes(part)).unwrap_or(i64::MAX);
            ConstGauge::new(bytes).encode(family.encode_family(&[("part", name)])?)?;
        }
        Ok(())
    }
}

/// How often each limit was reached.
#[derive(Debug)]
struct Limits(Arc<LimitCounters>);

impl Collector for Limits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "How often a limit was reached, by kind";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("limit_hits", help, None, kind)?;
        for (kind, count) in self.0.all() {
            ConstCounter::new(count).encode(family.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Parses the text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>, and
    /// checks each line. Returns the metrics with their types.
    fn families(text: &str) -> BTreeMap<String, String> {
        let mut families = BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(families.insert(name.to_owned(), kind.to_owned()), None, "{name} twice");
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{line}");
                let name = series.split('{').next().unwrap();
                let family = ["_bucket", "_sum", "_count"]
                    .iter()
                    .filter_map(|part| name.strip_suffix(part))
                    .find(|family| families.get(*family).is_some_and(|kind| kind == "histogram"))
                    .unwrap_or(name);
                assert!(families.contains_key(family), "no type before {line}");
            }
        }
        families
    }

    /// Encodes metrics of which each has a value.
    fn full_text() -> String {
        let metrics = Metrics::default();
        metrics.connections.count_refused(RefusedLabels { code: "bad_room_id" });
        metrics.connections.count_closed(ClosedLabels { by: "client", code: "1000" });
        text(&metrics.registry(Arc::default())).unwrap()
    }

    #[test]
    fn metric_names_follow_the_conventions() {
        let text = full_text();
        assert!(text.ends_with('\n'));
        for (name, kind) in families(&text) {
            assert!(name.starts_with("xmeet_") || name.starts_with("process_"), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(!name.contains("_ms") && !name.contains("_kib"), "{name}: base units only");
        }
    }

    #[test]
    fn documented_metrics_are_those_that_exist() {
        let documents = include_str!("../../../docs/operations.md");
        let documented: BTreeMap<_, _> = documents
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .filter(|(name, _)| name.starts_with("xmeet_") || name.starts_with("process_"))
            .map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned()))
            .collect();
        assert_eq!(documented, families(&full_text()));
    }

    #[test]
    fn dashboard_queries_only_existing_metrics() {
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/grafana.json")).unwrap();
        let mut expressions = Vec::new();
        collect_expressions(&dashboard, &mut expressions);
        assert!(expressions.len() > 10, "{expressions:?}");
        let families = families(&full_text());
        for expression in expressions {
            let names = expression
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .filter(|word| word.starts_with("xmeet_") || word.starts_with("process_"));
            for name in names {
                let kind = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|part| families.get(name.strip_suffix(part)?));
                let is_known = families.get(name).is_some_and(|kind| kind != "histogram")
                    || kind.is_some_and(|kind| kind == "histogram");
                assert!(is_known, "{name} in {expression}");
            }
        }
    }

    fn collect_expressions(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                let expression = map.get("expr").and_then(|expression| expression.as_str());
                found.extend(expression.map(str::to_owned));
                map.values().for_each(|value| collect_expressions(value, found));
            }
            serde_json::Value::Array(items) => {
                items.iter().for_each(|item| collect_expressions(item, found));
            }
            _ => {}
        }
    }
}
