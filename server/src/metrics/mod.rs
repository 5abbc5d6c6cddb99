//! What the server counts, in Prometheus' text form. One set for each server, nothing global.
//!
//! Whoever has something to count holds the set and adds to its part: for a transaction, a read, a
//! round of a room or a connection, never for a single delivery. docs/operations.md explains each
//! metric; a test compares the two.

mod connections;
mod held;
pub(crate) mod listener;
mod process;
mod rooms;
mod spread;
mod store;

pub use connections::{ClosedLabels, ConnectionMetrics, RefusedLabels, TrafficMetrics};
pub use held::Held;
pub use rooms::{ResumeLabels, ResumeOutcome, RoomMetrics};
pub use spread::{Spread, SpreadCounter};
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

use crate::limits::hits::Hits;
use crate::readiness::{Readiness, State};
use crate::version;
use crate::ws::memory::FrameMemory;
use process::Process;

/// What every name begins with, but for those of the process.
const PREFIX: &str = "xmeet";

/// What one server counts. Cheap to clone: all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Of connections.
    pub connections: Arc<ConnectionMetrics>,
    /// Of what goes over them.
    pub traffic: Arc<TrafficMetrics>,
    /// Of rooms.
    pub rooms: Arc<RoomMetrics>,
    /// Of the store.
    pub store: Arc<StoreMetrics>,
    /// Of limits that somebody met.
    pub limits: Arc<Hits>,
    /// What frames hold in memory.
    pub frames: Arc<FrameMemory>,
}

impl Metrics {
    /// All of it with its names, to be asked for as text.
    #[must_use]
    pub fn registry(&self, readiness: Arc<Readiness>) -> Registry {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix(PREFIX);
        self.connections.register(registry);
        self.traffic.register(registry);
        self.rooms.register(registry);
        self.store.register(registry);
        registry.register_collector(Box::new(Limits(Arc::clone(&self.limits))));
        registry.register_collector(Box::new(Frames(Arc::clone(&self.frames))));
        registry.register_collector(Box::new(Ready(readiness)));
        let build = Info::new([
            ("version", version::VERSION),
            ("commit", version::COMMIT),
            ("build_date", version::BUILD_DATE.as_str()),
        ]);
        registry.register("build", "What is running; always 1", build);
        all.register_collector(Box::new(Process));
        all
    }
}

/// Everything as Prometheus reads it.
///
/// # Errors
/// When a metric cannot be written as text, which none of ours does.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, registry)?;
    Ok(text)
}

/// Whether the server is ready, as a number.
#[derive(Debug)]
struct Ready(Arc<Readiness>);

impl Collector for Ready {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let ready = ConstGauge::new(i64::from(self.0.state() == State::Ready));
        let help = "1 while rooms are served and the store takes writes, else 0";
        ready.encode(encoder.encode_descriptor("ready", help, None, MetricType::Gauge)?)
    }
}

/// What frames hold in memory.
#[derive(Debug)]
struct Frames(Arc<FrameMemory>);

impl Collector for Frames {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let bytes = ConstGauge::new(i64::try_from(self.0.held_bytes()).unwrap_or(i64::MAX));
        let help = "What frames on their way to clients hold in memory";
        let (unit, kind) = (Some(&Unit::Bytes), MetricType::Gauge);
        bytes.encode(encoder.encode_descriptor("frames", help, unit, kind)?)
    }
}

/// How often each limit was met.
#[derive(Debug)]
struct Limits(Arc<Hits>);

impl Collector for Limits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "How often somebody met a limit, by its kind";
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

    /// The names and types of a text in the form of
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>, each line of which is checked.
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

    /// A text in which every metric has something to say.
    fn full_text() -> String {
        let metrics = Metrics::default();
        metrics.connections.count_refused(RefusedLabels { code: "bad_room_id" });
        metrics.connections.count_closed(ClosedLabels { by: "client", code: "1000" });
        text(&metrics.registry(Arc::default())).unwrap()
    }

    #[test]
    fn names_follow_the_conventions() {
        let text = full_text();
        assert!(text.ends_with('\n'));
        for (name, kind) in families(&text) {
            assert!(name.starts_with("xmeet_") || name.starts_with("process_"), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(!name.contains("_ms") && !name.contains("_kib"), "{name}: base units only");
        }
    }

    #[test]
    fn every_metric_is_documented_and_nothing_else_is() {
        let documents = include_str!("../../../docs/operations.md");
        let documented: BTreeMap<_, _> = documents
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .filter(|(name, _)| name.starts_with("xmeet_") || name.starts_with("process_"))
            .map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned()))
            .collect();
        assert_eq!(documented, families(&full_text()));
    }

    /// The dashboard asks for nothing that is not there.
    #[test]
    fn the_dashboard_knows_only_what_there_is() {
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
