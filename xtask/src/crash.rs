//! `cargo xtask crash`: the crash test with many rounds, told round by round.

use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::paths::Workspace;
use crate::process::{command, run as run_program};

const ROUNDS_DEFAULT: u64 = 100;

/// Reads what stands after `cargo xtask crash`: how many rounds.
pub(crate) fn rounds(arguments: &[OsString]) -> Result<u64> {
    let rounds = match arguments {
        [] => Some(ROUNDS_DEFAULT),
        [rounds] => rounds.to_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    match rounds {
        Some(rounds) if rounds > 0 => Ok(rounds),
        _ => bail!("`cargo xtask crash` takes nothing, or the number of rounds"),
    }
}

/// Runs them. It is the build that the other tests run on, compiled already and with its debug
/// assertions, and no nextest, which would take so long a test for one that hangs.
pub(crate) fn run(workspace: &Workspace, rounds: u64) -> Result<()> {
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root).env("XMEET_CRASH_ROUNDS", rounds.to_string());
    cargo.args(["test", "--package", "xmeet-server", "--test", "crash", "--locked"]);
    run_program(cargo.args(["--", "--nocapture"])).context("the crash test failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_a_number_from_one() {
        let read = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            rounds(&words).ok()
        };
        assert_eq!(read(&[]), Some(ROUNDS_DEFAULT));
        assert_eq!(read(&["7"]), Some(7));
        for words in [&["0"][..], &["-1"], &["many"], &["7", "8"]] {
            assert_eq!(read(words), None, "{words:?}");
        }
    }
}
