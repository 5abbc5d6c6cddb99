//! `xmeet-bench run`: runs every scenario against every peer.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use crate::client::Wait;
use crate::figures::{Figures, Row};
use crate::machine::{self, CLIENT_CPU, Machine, SERVER_CPU};
use crate::process::Server;
use crate::scenario::{self, NAMES, Scenario};
use crate::{measure, report};

/// The variable with the command that results name, if another program started this one.
pub(crate) const COMMAND_VARIABLE: &str = "XMEET_BENCH_COMMAND";

/// The scenarios, the peers and the outputs of a run.
#[derive(clap::Args)]
#[command(args_override_self = true)]
pub(crate) struct Options {
    /// XMeet's binary, for the peer `xmeet`
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Arguments for XMeet, separated by spaces
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    server_args: String,
    /// Scenarios, separated by commas
    #[arg(long, value_delimiter = ',', default_values = NAMES)]
    scenarios: Vec<String>,
    /// Servers to measure: xmeet, floor, floor-batch
    #[arg(long, value_delimiter = ',', default_values = ["xmeet", "floor", "floor-batch"])]
    peers: Vec<String>,
    /// Runs of each scenario against each peer
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// File for the figures, one JSON line for each run; it is overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Run small versions, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Do not pin server and client to CPUs
    #[arg(long)]
    no_pin: bool,
}

/// Runs the scenarios and prints the table. Fails if a server made a fault.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let scenarios = chosen(options)?;
    check_peers(options)?;
    let most = scenarios.iter().map(Scenario::connections).max().unwrap_or(0);
    machine::allow_files(most)?;
    let machine = Machine::detect();
    let pinned = !options.no_pin && machine.cores > CLIENT_CPU;
    if !options.no_pin && !pinned {
        eprintln!("xmeet-bench: server and client share the only CPU, which falsifies the figures");
    }
    let command = std::env::var(COMMAND_VARIABLE).unwrap_or_else(|_| {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        format!("xmeet-bench {}", arguments.join(" "))
    });
    let mut out = options.out.as_deref().map(create).transpose()?;
    let (mut rows, mut failed) = (Vec::new(), 0_u32);
    for scenario in &scenarios {
        for run in 1..=options.runs {
            for peer in &options.peers {
                eprintln!("xmeet-bench: {} run {run} {peer}", scenario.label());
                let (calibration_us, figures) = match one(options, scenario, peer, pinned) {
                    Ok(measured) => measured,
                    // The results of the other runs remain valid.
                    Err(error) => {
                        eprintln!(
                            "xmeet-bench: error: {} against {peer}: {error:#}",
                            scenario.label()
                        );
                        failed += 1;
                        continue;
                    }
                };
                let row = Row {
                    scenario: scenario.name.to_owned(),
                    x: scenario.x,
                    peer: peer.clone(),
                    run,
                    pinned,
                    quick: options.quick,
                    calibration_us,
                    figures,
                    machine: machine.clone(),
                    command: command.clone(),
                };
                if let Some(out) = &mut out {
                    writeln!(out, "{}", serde_json::to_string(&row)?)?;
                }
                rows.push(row);
            }
        }
    }
    print!("{}", report::markdown(&rows));
    let faults: u64 = rows.iter().map(|row| row.figures.faults.total()).sum();
    Ok(if faults == 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a scenario against a new server.
fn one(options: &Options, scenario: &Scenario, peer: &str, pinned: bool) -> Result<(f64, Figures)> {
    let own = std::env::current_exe().context("this program does not know its path")?;
    let (program, mut arguments): (&Path, Vec<OsString>) = match peer {
        "floor" => (&own, vec!["floor".into()]),
        "floor-batch" => (&own, vec!["floor".into(), "--batch".into()]),
        // The load comes from one address, above its limits.
        _ => {
            (options.server.as_deref().context("--server is missing")?, vec!["--no-limits".into()])
        }
    };
    if peer == "xmeet" {
        arguments.extend(options.server_args.split_whitespace().map(Into::into));
        arguments.extend(scenario.server_args.iter().map(Into::into));
    }
    // A child inherits the CPU of its parent.
    if pinned {
        machine::pin(SERVER_CPU)?;
    }
    let server = Server::start(program, &arguments);
    if pinned {
        machine::pin(CLIENT_CPU)?;
    }
    let server = server?;
    let calibration_us = machine::calibrate()?;
    let wait = if pinned { Wait::Spin } else { Wait::Sleep };
    Ok((calibration_us, measure::measure(scenario, &server, wait)?))
}

fn chosen(options: &Options) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for name in &options.scenarios {
        let named = scenario::named(name);
        ensure!(!named.is_empty(), "there is no scenario {name}: there are {}", NAMES.join(", "));
        scenarios.extend(named.into_iter().map(|s| if options.quick { s.quick() } else { s }));
    }
    Ok(scenarios)
}

fn check_peers(options: &Options) -> Result<()> {
    for peer in &options.peers {
        match peer.as_str() {
            "floor" | "floor-batch" => {}
            "xmeet" if options.server.is_some() => {}
            "xmeet" => bail!("the peer xmeet needs `--server PATH`"),
            other => bail!("there is no peer {other}: there are xmeet, floor, floor-batch"),
        }
    }
    Ok(())
}

fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
