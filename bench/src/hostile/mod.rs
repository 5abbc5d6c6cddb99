//! `xmeet-bench hostile`: thousands of attackers against a server with its default limits, and two
//! well-behaved pairs of members that must not be affected.
//!
//! The attackers come from many loopback addresses, which only Linux has by default.

mod kind;
mod pair;
mod report;
mod swarm;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use self::kind::{ATTACKED_ROOM, Kind};
use self::pair::{Phase, SharedPhase};
use self::report::{MEMORY_RATIO_MAX, Outcome};
use self::swarm::Swarm;
use crate::machine::{self, Machine};
use crate::process::Server;

/// The room that is not attacked.
const QUIET_ROOM: &str = "quiet";

/// How long the pairs talk before and after the attack.
const CALM: Duration = Duration::from_secs(5);

/// The longest unmeasured attack before the measured one. Memory that a server keeps from its first attack
/// (pages of its program, caches of its store and its allocator) is no leak; later growth is.
const WARM_MAX: Duration = Duration::from_secs(20);

/// The pause between the two attacks.
const FORGET: Duration = Duration::from_secs(10);

/// How often the server's memory is read.
const LOOK: Duration = Duration::from_millis(500);

/// How long memory may take to return: longer than the server waits for dead members.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Open files of a process beside those of its connections.
const FILES_BESIDE: usize = 200;

/// The attack and its checks.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// XMeet's binary
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// Arguments for XMeet, separated by spaces
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    server_args: String,
    /// How long the attack lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    seconds: u64,
    /// Attackers, each with a connection at a time
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    connections: usize,
    /// Only these kinds of attackers, separated by commas
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Do not check latency: for machines that do other work
    #[arg(long)]
    no_latency: bool,
    /// Do not wait until memory returns, and do not check it: for short runs, in which the caches of the
    /// server still grow
    #[arg(long)]
    no_memory: bool,
}

/// Attacks and prints the results. Fails if a bound was broken.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    machine::allow_files(2 * (options.connections + FILES_BESIDE))?;
    let arguments: Vec<_> = options.server_args.split_whitespace().map(Into::into).collect();
    let server = Server::start(&options.server, &arguments)?;
    let outcome = attack(options, server)?;
    let command = std::env::var(crate::run::COMMAND_VARIABLE)
        .unwrap_or_else(|_| format!("xmeet-bench hostile --seconds {}", options.seconds));
    print!("{}", outcome.markdown(&Machine::detect(), &command));
    let broken = outcome.broken(!options.no_latency, !options.no_memory);
    for words in &broken {
        eprintln!("xmeet-bench: broken: {words}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn attack(options: &Options, server: Server) -> Result<Outcome> {
    let cold = server.usage()?;
    let length = Duration::from_secs(options.seconds);
    eprintln!("xmeet-bench: the first attack, unmeasured");
    let mut first = Swarm::new(server.address, options.connections, &options.only)?;
    let start = Instant::now();
    while start.elapsed() < length.min(WARM_MAX) {
        first.turn()?;
    }
    drop(first);
    thread::sleep(FORGET);

    let phase = Arc::new(SharedPhase::default());
    let mut pairs = Vec::new();
    for room in [QUIET_ROOM, ATTACKED_ROOM] {
        pairs.push(pair::start(server.address, room, Arc::clone(&phase))?);
    }
    thread::sleep(CALM);
    let before = server.usage()?;

    eprintln!("xmeet-bench: attacking for {} s", options.seconds);
    phase.set(Phase::Attack);
    let mut swarm = Swarm::new(server.address, options.connections, &options.only)?;
    let (start, mut looked) = (Instant::now(), Instant::now());
    let mut rss_peak_bytes = before.rss_bytes;
    while start.elapsed() < length {
        swarm.turn()?;
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            rss_peak_bytes = rss_peak_bytes.max(server.usage()?.rss_bytes);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let meanwhile = server.usage()?;
    let (tallies, connected_max) = swarm.end();
    let ended = Instant::now();

    phase.set(Phase::Calm);
    thread::sleep(CALM);
    phase.set(Phase::Over);
    let mut results = Vec::new();
    for pair in pairs {
        let joined = pair.join().map_err(|_| anyhow!("a pair's thread panicked"))?;
        results.push(joined.context("a pair failed")?);
    }
    eprintln!("xmeet-bench: waiting until memory returns");
    let enough_bytes = before.rss_bytes as f64 * MEMORY_RATIO_MAX;
    let mut after = server.usage()?;
    while !options.no_memory
        && after.rss_bytes as f64 > enough_bytes
        && ended.elapsed() < SETTLE_MAX
    {
        thread::sleep(LOOK);
        after = server.usage()?;
    }
    let settle_seconds = ended.elapsed().as_secs_f64();
    let panics = server.panics();
    Ok(Outcome {
        seconds,
        connected_max,
        tallies,
        pairs: results,
        rss_cold_bytes: cold.rss_bytes,
        rss_before_bytes: before.rss_bytes,
        rss_peak_bytes,
        rss_after_bytes: after.rss_bytes,
        settle_seconds,
        cores: (meanwhile.cpu_ns - before.cpu_ns) as f64 / 1e9 / seconds,
        panics,
        ended_in_order: server.stop(),
    })
}
