//! `cargo xtask bench`: measures what a delivery costs, and draws it.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::dist;
use crate::paths::Workspace;
use crate::process::{become_program, command, run as run_program, say};

/// Where figures and plots are kept, in the source tree: the documents show them.
const FOLDER: &str = "docs/bench";

/// Builds the server and the load generator as they are released, and becomes the latter.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    dist::build(workspace)?;
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["build", "--release", "--package", "xmeet-bench"]);
    run_program(&mut cargo).context("the load generator could not be built")?;
    say("all scenarios take about half an hour; `--quick` and `--scenarios NAMES` make it shorter");
    let program = format!("xmeet-bench{}", env::consts::EXE_SUFFIX);
    let mut bench = command(workspace.target.join("release").join(program));
    bench.current_dir(&workspace.root).arg("run").arg("--server").arg(workspace.server());
    // The same option again, among ARGS, takes the place of these.
    bench.args(["--out", &format!("{FOLDER}/results.jsonl"), "--plots", FOLDER]);
    // The figures keep the command that was given, not where this machine has its folders.
    let words = arguments.iter().map(|word| format!(" {}", word.display()));
    bench.env("XMEET_BENCH_COMMAND", format!("cargo xtask bench{}", words.collect::<String>()));
    become_program(bench.args(arguments))
}
