//! The machine: its properties, its speed at the moment, CPU pinning and the limit on open files.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// The CPU that the server is pinned to.
pub(crate) const SERVER_CPU: usize = 0;
/// The CPU that the client is pinned to.
pub(crate) const CLIENT_CPU: usize = 1;

/// Open files of the program beside those of its connections.
const FILES_BESIDE: u64 = 64;

const CALIBRATION_BYTES: usize = 256;
const CALIBRATION_ROUNDS: u32 = 5000;

/// The properties that do not change between runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn detect() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let kib: f64 = memory
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        Self {
            cpu: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }

    /// Returns the properties in one line.
    pub(crate) fn line(&self) -> String {
        let Self { cpu, cores, memory_gib, kernel } = self;
        format!("{cpu}, {cores} cores, {memory_gib:.0} GiB, Linux {kernel}")
    }
}

/// Measures a send and receive over loopback, in microseconds. Where it differs between two rows, the
/// machine had another speed.
pub(crate) fn calibrate() -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no loopback port is free")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    let mut bytes = [b'x'; CALIBRATION_BYTES];
    let start = Instant::now();
    for _ in 0..CALIBRATION_ROUNDS {
        near.write_all(&bytes)?;
        far.read_exact(&mut bytes)?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(CALIBRATION_ROUNDS))
}

/// Pins this thread to a CPU, and with it the processes that it starts from now on.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("cannot pin to CPU {cpu}"))
}

/// Raises the limit on open files, for this process and the servers that it starts.
pub(crate) fn allow_files(connections: usize) -> Result<()> {
    let wanted = connections as u64 + FILES_BESIDE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let reachable = maximum.is_none_or(|maximum| maximum >= wanted);
    let raised = Rlimit { current: Some(wanted), maximum: maximum.map(|most| most.max(wanted)) };
    ensure!(
        setrlimit(Resource::Nofile, raised).is_ok() || reachable,
        "{connections} connections need a limit of {wanted} open files, and it is {}, at most {} \
         (`ulimit -n`, `ulimit -Hn`)",
        current.unwrap_or_default(),
        maximum.unwrap_or_default(),
    );
    Ok(())
}
