//! `cargo xtask crash`: the crash test with many rounds.

use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::amount;
use crate::paths::Workspace;
use crate::process::{command, run as run_program};

const ROUNDS_DEFAULT: u64 = 100;

/// Reads the number of rounds.
pub(crate) fn rounds(arguments: &[OsString]) -> Result<u64> {
    amount::parse("crash", arguments, ROUNDS_DEFAULT, "the number of rounds")
}

/// Runs the crash test on the build of the other tests, with debug assertions. nextest would abort so
/// long a test, so this uses `cargo test`.
pub(crate) fn run(workspace: &Workspace, rounds: u64) -> Result<()> {
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root).env("XMEET_CRASH_ROUNDS", rounds.to_string());
    cargo.args(["test", "--package", "xmeet-server", "--test", "crash", "--locked"]);
    run_program(cargo.args(["--", "--nocapture"])).context("the crash test failed")
}
