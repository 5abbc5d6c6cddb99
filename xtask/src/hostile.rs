//! `cargo xtask hostile`: thousands of attackers against the finished server, and their effect on two
//! well-behaved pairs of members.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::process::{become_program, command, run as run_program};
use crate::{amount, bench};

const SECONDS_DEFAULT: u64 = 300;

/// Reads the number of seconds.
pub(crate) fn seconds(arguments: &[OsString]) -> Result<u64> {
    amount::parse("hostile", arguments, SECONDS_DEFAULT, "the number of seconds")
}

/// Builds the server and the load generator, and attacks for that long.
pub(crate) fn run(workspace: &Workspace, seconds: u64) -> Result<ExitCode> {
    let shown_command = format!("cargo xtask hostile {seconds}");
    let mut bench = bench::generator(workspace, "hostile", &shown_command)?;
    become_program(bench.args(["--seconds", &seconds.to_string()]))
}

/// Attacks the release binary for ten seconds. Fails if the server loses a message or panics. Does not check
/// latency, because tests share the machine, or memory, because ten seconds are too short for it.
pub(crate) fn shortly(workspace: &Workspace) -> Result<()> {
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["run", "--quiet", "--package", "xmeet-bench", "--locked", "--", "hostile"]);
    cargo.arg("--server").arg(workspace.server());
    cargo.args(["--seconds", "10", "--connections", "1000", "--no-latency", "--no-memory"]);
    run_program(&mut cargo).context("a bound was broken under attack")
}
