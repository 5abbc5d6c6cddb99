//! `cargo xtask bench`: measures what a delivery costs, and draws it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::dist;
use crate::paths::Workspace;
use crate::process::{become_program, command, run as run_program, say};

/// Where figures and plots are kept, in the source tree: the documents show them.
const FOLDER: &str = "docs/bench";

/// Builds both and becomes the load generator, as it measures.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    // The figures keep the command that was given, not where this machine has its folders.
    let words = arguments.iter().map(|word| format!(" {}", word.display()));
    let told = format!("cargo xtask bench{}", words.collect::<String>());
    let mut bench = generator(workspace, "run", &told)?;
    say("all scenarios take about half an hour; `--quick` and `--scenarios NAMES` make it shorter");
    // The same option again, among ARGS, takes the place of these.
    bench.args(["--out", &format!("{FOLDER}/results.jsonl"), "--plots", FOLDER]);
    become_program(bench.args(arguments))
}

/// Builds the server and the load generator as they are released: the latter with one of its jobs,
/// to be done to the former. It says it was started by the command that is told.
pub(crate) fn generator(workspace: &Workspace, job: &str, told: &str) -> Result<Command> {
    dist::build(workspace)?;
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["build", "--release", "--package", "xmeet-bench"]);
    run_program(&mut cargo).context("the load generator could not be built")?;
    let program = format!("xmeet-bench{}", env::consts::EXE_SUFFIX);
    let mut bench = command(workspace.target.join("release").join(program));
    bench.current_dir(&workspace.root).arg(job).arg("--server").arg(workspace.server());
    bench.env("XMEET_BENCH_COMMAND", told);
    Ok(bench)
}
