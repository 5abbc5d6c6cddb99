//! The figures of runs, and the median of several.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::check::Faults;
use crate::crowd::Crowd;
use crate::machine::Machine;

/// The figures of one run. Seconds of CPU are the server's, user and system.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) connections: u64,
    /// Messages that members received in the measured time; in `storm`, all frames.
    pub(crate) deliveries: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// `None` without deliveries.
    pub(crate) cpu_us_per_delivery: Option<f64>,
    pub(crate) deliveries_per_second: f64,
    /// Cores that the server used.
    pub(crate) cores: f64,
    /// The share of the time that the client worked. Near 1, the client is the bottleneck.
    pub(crate) client_busy: f64,
    /// Latency from due time to arrival, in the last group.
    pub(crate) p50_us: Option<f64>,
    pub(crate) p90_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    pub(crate) join_seconds: f64,
    pub(crate) join_cpu_us: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) rss_bytes_per_connection: f64,
    /// Members that did not read. The next two tell how the server closed them.
    pub(crate) stalled: u64,
    pub(crate) stalled_closed_1013: u64,
    pub(crate) stalled_lost: u64,
    pub(crate) faults: Faults,
}

impl Figures {
    /// Computes the figures that follow from others and from the crowd.
    pub(crate) fn finish(&mut self, crowd: Crowd) {
        if self.deliveries > 0 {
            self.cpu_us_per_delivery = Some(self.cpu_seconds * 1e6 / self.deliveries as f64);
        }
        if self.seconds > 0.0 {
            self.deliveries_per_second = self.deliveries as f64 / self.seconds;
            self.cores = self.cpu_seconds / self.seconds;
        }
        if let Some(latencies) = crowd.latencies.last() {
            self.p50_us = latencies.quantile_us(0.5);
            self.p90_us = latencies.quantile_us(0.9);
            self.p99_us = latencies.quantile_us(0.99);
            self.p999_us = latencies.quantile_us(0.999);
            self.max_us = latencies.max_us();
        }
        self.faults = crowd.check.finish();
    }
}

/// A line of the results: a run of a scenario against a peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    /// The point of a sweep.
    pub(crate) x: Option<u64>,
    pub(crate) peer: String,
    pub(crate) run: usize,
    pub(crate) pinned: bool,
    pub(crate) quick: bool,
    /// The duration of a send and receive over loopback, just before the run.
    pub(crate) calibration_us: f64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    pub(crate) machine: Machine,
    pub(crate) command: String,
}

/// Reads all lines of a results file.
pub(crate) fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut rows = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let row = serde_json::from_str(&line?);
        rows.push(row.with_context(|| format!("line {} of {}", index + 1, path.display()))?);
    }
    Ok(rows)
}

/// The median, the smallest and the largest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Returns the spread of a figure over rows, or `None` if no row has it.
pub(crate) fn spread(rows: &[&Row], value: impl Fn(&Row) -> Option<f64>) -> Option<Spread> {
    let mut values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let below = if values.len().is_multiple_of(2) { middle - 1 } else { middle };
    Some(Spread { median: f64::midpoint(values[below], values[middle]), min, max })
}

/// Groups rows by a key, in the order of first appearance.
pub(crate) fn grouped<'a, K: PartialEq>(
    rows: impl IntoIterator<Item = &'a Row>,
    key: impl Fn(&Row) -> K,
) -> Vec<(K, Vec<&'a Row>)> {
    let mut groups: Vec<(K, Vec<&Row>)> = Vec::new();
    for row in rows {
        let key = key(row);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups
}
