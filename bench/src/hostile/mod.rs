//! `xmeet-bench hostile`: thousands of attackers against a server with the limits it has by default,
//! and two well-behaved pairs in the midst of it, who must not notice.
//!
//! The attackers come from many loopback addresses, which only Linux has without further ado.

mod kind;
mod report;
mod swarm;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use self::kind::{ATTACKED_ROOM, Kind};
use self::report::{MEMORY_RATIO_MAX, Outcome};
use self::swarm::Swarm;
use self::witness::{Phase, Shown};
use crate::machine::{self, Machine};
use crate::process::Server;

/// The room of the pair that nobody attacks.
const QUIET_ROOM: &str = "quiet";

/// How long the pairs talk before the attack, and behind it.
const CALM: Duration = Duration::from_secs(5);

/// How long all attackers are let loose once before anything is measured, at most. What a server holds
/// from its first crowd on (the pages of its program, its store's caches, what its allocator keeps)
/// is no leak; what grows from then on is.
const WARM_MAX: Duration = Duration::from_secs(20);

/// How long a server is left alone to forget that first crowd.
const FORGET: Duration = Duration::from_secs(10);

/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How long memory may take to come back: longer than the server waits for the dead.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Open files of a process beside a connection each.
const FILES_BESIDE: usize = 200;

/// What to do, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// XMeet's binary
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// Arguments for XMeet, separated by spaces; none are its defaults
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    server_args: String,
    /// How long the attack lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    seconds: u64,
    /// Attackers, each with a connection at a time
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    connections: usize,
    /// These kinds of attackers alone, separated by commas
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Leave it unchecked how long messages take: on a machine that does much else
    #[arg(long)]
    no_latency: bool,
    /// Leave it unchecked, and do not wait for it, that memory comes back: in a run of seconds, in
    /// which the server is still growing into its caches
    #[arg(long)]
    no_memory: bool,
}

/// Attacks, prints what came of it, and fails if a bound was broken.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    machine::allow_files(2 * (options.connections + FILES_BESIDE))?;
    let arguments: Vec<_> = options.server_args.split_whitespace().map(Into::into).collect();
    let server = Server::start(&options.server, &arguments)?;
    let outcome = attack(options, server)?;
    let command = std::env::var(crate::run::COMMAND_VARIABLE)
        .unwrap_or_else(|_| format!("xmeet-bench hostile --seconds {}", options.seconds));
    print!("{}", outcome.markdown(&Machine::look(), &command));
    let broken = outcome.broken(!options.no_latency, !options.no_memory);
    for words in &broken {
        eprintln!("xmeet-bench: broken: {words}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn attack(options: &Options, server: Server) -> Result<Outcome> {
    let cold = server.usage()?;
    let length = Duration::from_secs(options.seconds);
    eprintln!("xmeet-bench: the first crowd, unmeasured");
    let mut first = Swarm::new(server.address, options.connections, &options.only)?;
    let start = Instant::now();
    while start.elapsed() < length.min(WARM_MAX) {
        first.turn()?;
    }
    drop(first);
    thread::sleep(FORGET);

    let shown = Arc::new(Shown::default());
    let mut pairs = Vec::new();
    for room in [QUIET_ROOM, ATTACKED_ROOM] {
        pairs.push(witness::start(server.address, room, Arc::clone(&shown))?);
    }
    thread::sleep(CALM);
    let before = server.usage()?;

    eprintln!("xmeet-bench: attacking for {} s", options.seconds);
    shown.set(Phase::Attack);
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

    shown.set(Phase::Calm);
    thread::sleep(CALM);
    shown.set(Phase::Over);
    let mut seen = Vec::new();
    for pair in pairs {
        let joined = pair.join().map_err(|_| anyhow!("a pair's thread panicked"))?;
        seen.push(joined.context("a pair could not go on")?);
    }
    eprintln!("xmeet-bench: waiting until the server has forgotten them");
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
        pairs: seen,
        rss_cold_bytes: cold.rss_bytes,
        rss_before_bytes: before.rss_bytes,
        rss_peak_bytes,
        rss_after_bytes: after.rss_bytes,
        settle_seconds,
        cores: (meanwhile.cpu_ns - before.cpu_ns) as f64 / 1e9 / seconds,
        panics,
        ended_in_order: server.end(),
    })
}
