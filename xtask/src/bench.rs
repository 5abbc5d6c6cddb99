//! `cargo xtask bench`: measures the cost of a delivery.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::dist;
use crate::paths::Workspace;
use crate::process::{become_program, command, run as run_program, say};

/// The file with the figures that the documents cite.
const RESULTS: &str = "docs/bench/results.jsonl";

/// Builds the server and the load generator, and replaces itself by the load generator.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    // The results contain the command as it was typed, without this machine's paths.
    let words = arguments.iter().map(|word| format!(" {}", word.display()));
    let shown_command = format!("cargo xtask bench{}", words.collect::<String>());
    let mut bench = generator(workspace, "run", &shown_command)?;
    say("all scenarios take about half an hour; `--quick` and `--scenarios NAMES` make it shorter");
    // An `--out` in ARGS overrides this option.
    bench.args(["--out", RESULTS]);
    become_program(bench.args(arguments))
}

/// Builds the server and the load generator with optimisation. Returns the command of the load generator
/// for a job against that server. The results contain `shown_command`.
pub(crate) fn generator(workspace: &Workspace, job: &str, shown_command: &str) -> Result<Command> {
    dist::build(workspace)?;
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["build", "--release", "--package", "xmeet-bench"]);
    run_program(&mut cargo).context("the load generator could not be built")?;
    let program = format!("xmeet-bench{}", env::consts::EXE_SUFFIX);
    let mut bench = command(workspace.target.join("release").join(program));
    bench.current_dir(&workspace.root).arg(job).arg("--server").arg(workspace.server());
    bench.env("XMEET_BENCH_COMMAND", shown_command);
    Ok(bench)
}
