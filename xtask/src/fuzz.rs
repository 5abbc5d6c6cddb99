//! `cargo xtask fuzz`: runs each fuzz target for some time, guided by code coverage.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::amount;
use crate::paths::Workspace;
use crate::process::{ask, command, run as run_program, say};
use crate::setup::cargo_tool::CargoTool;
use crate::setup::path_with;

/// The default seconds for each target: an hour for all seven targets.
const SECONDS_DEFAULT: u64 = 520;

/// The seconds for each target in `cargo xtask test`.
const SECONDS_IN_TESTS: u64 = 5;

/// The longest input, in bytes. Longer inputs take more time and reach no other code.
const INPUT_BYTES_MAX: u32 = 4096;

/// The time limit for one input, in seconds. An input that takes longer counts as a fault. Long enough for
/// slow machines.
const INPUT_SECONDS_MAX: u32 = 25;

/// Reads the number of seconds for each target.
pub(crate) fn seconds(arguments: &[OsString]) -> Result<u64> {
    amount::parse("fuzz", arguments, SECONDS_DEFAULT, "the seconds for each target")
}

/// Runs every target for [`SECONDS_IN_TESTS`]. Returns the number of targets.
pub(crate) fn shortly(workspace: &Workspace) -> Result<u64> {
    run(workspace, SECONDS_IN_TESTS)
}

/// Builds every target and runs one after the other. Returns their number.
///
/// # Errors
/// If a target finds a fault.
pub(crate) fn run(workspace: &Workspace, seconds: u64) -> Result<u64> {
    let targets = targets(&workspace.root.join("fuzz/targets"))?;
    let programs = build(workspace)?;
    for target in &targets {
        // The corpus persists: the next run starts from it.
        let corpus = workspace.target.join("fuzz/corpus").join(target);
        let artifacts = workspace.target.join("fuzz/artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut program = command(programs.join(target));
        program.arg(&corpus).arg(workspace.root.join("fuzz/seeds").join(target)).args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-artifact_prefix={}/", artifacts.display()),
            "-print_final_stats=1".to_owned(),
            "-verbosity=0".to_owned(),
        ]);
        say(&format!("fuzzing {target} for {seconds} s"));
        run_program(&mut program).with_context(|| {
            format!(
                "the fuzz target {target} found a fault. The input is in {}; once the fault is fixed, \
                 keep it in fuzz/seeds/{target}",
                artifacts.display()
            )
        })?;
    }
    Ok(targets.len() as u64)
}

/// Builds all targets and returns their folder. They are then started without cargo, which would check each
/// of them for changes again.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let folder = CargoTool::fuzz().find(workspace);
    let target = workspace.target.join("fuzz");
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root).env("PATH", path_with(folder.as_slice())?);
    // The sanitizer is an unstable flag of an ordinary compiler.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    // The release profile's optimisation would take minutes here.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    cargo.args(["fuzz", "build", "--features", "libfuzzer", "--codegen-units", "16"]);
    cargo.args(["--sanitizer", sanitizer(), "--target-dir"]).arg(&target);
    run_program(&mut cargo).context("the fuzz targets could not be built")?;
    let version = ask(command("rustc").arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not print its host")?;
    Ok(target.join(host).join("release"))
}

/// Returns `address` if the compiler has that sanitizer, which finds memory errors; otherwise `none`.
fn sanitizer() -> &'static str {
    let folder = ask(command("rustc").args(["--print", "target-libdir"])).unwrap_or_default();
    let has_address = fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_rt.asan."))
    });
    if has_address && env::consts::OS == "linux" { "address" } else { "none" }
}

/// Returns the names of the targets, which are the names of their files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = files
        .filter(|file| file.extension().is_some_and(|kind| kind == "rs"))
        .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    ensure!(!names.is_empty(), "there is no fuzz target in {}", folder.display());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        for target in targets(&fuzz.join("targets")).unwrap() {
            assert!(fuzz.join("seeds").join(&target).is_dir(), "{target}");
        }
    }
}
