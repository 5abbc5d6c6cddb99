//! Metrics of the process, under the names that all Prometheus clients use. They are read from the
//! operating system at each scrape. A metric is missing if the system does not provide it; most are
//! read from Linux's `/proc`.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks per second in `/proc/self/stat`. On Linux always 100, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

const BYTES_PER_KIB: i64 = 1024;

/// Reads the metrics of the process.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut encode = |name: &str, help: &str, metric: &dyn Encode| {
            metric.encode_as(&mut encoder, name, help)
        };
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            encode("process_cpu_seconds", "CPU time used, in seconds", &counter)?;
        }
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory, in bytes", resident_bytes()),
            ("process_open_fds", "Open file descriptors", open_files()),
            ("process_max_fds", "Maximum number of open file descriptors", open_files_max()),
            ("process_threads", "Threads", status("Threads:")),
        ] {
            if let Some(value) = value {
                encode(name, help, &ConstGauge::new(value))?;
            }
        }
        Ok(())
    }
}

/// Encodes a metric of any type.
trait Encode {
    fn encode_as(&self, out: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> fmt::Result;
}

impl<M: EncodeMetric> Encode for M {
    fn encode_as(&self, out: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> fmt::Result {
        self.encode(out.encode_descriptor(name, help, None, self.metric_type())?)
    }
}

/// Returns user and system time (`proc_pid_stat(5)`, fields 14 and 15).
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name, which may contain anything, and ends at the last parenthesis.
    let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = rest.next()?.parse().ok()?;
    let system: f64 = rest.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<i64> {
    Some(status("VmRSS:")? * BYTES_PER_KIB)
}

/// Returns a number of `/proc/self/status` (`proc_pid_status(5)`).
fn status(name: &str) -> Option<i64> {
    number_after(&fs::read_to_string("/proc/self/status").ok()?, name)
}

fn open_files() -> Option<i64> {
    // Not counting the descriptor that reads the directory.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}

fn open_files_max() -> Option<i64> {
    number_after(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

fn number_after(text: &str, name: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn all_process_metrics_are_available_on_linux() {
        assert!(cpu_seconds().is_some_and(|seconds| (0.0..1e6).contains(&seconds)));
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100 * 1024));
        let before = open_files().unwrap();
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert_eq!(open_files(), Some(before + 1));
        drop(file);
        assert!(open_files_max() > Some(before));
        assert!(status("Threads:") >= Some(1));
    }
}
