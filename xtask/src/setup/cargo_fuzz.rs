//! cargo-fuzz, which builds and runs the fuzz targets.

use std::path::PathBuf;

use anyhow::Result;

use super::apt;
use super::cargo_tool::CargoTool;
use crate::paths::Workspace;
use crate::process::on_path;

/// Compiled where there is none; the machine's own is taken at any version.
const VERSION: &str = "0.13.2";

/// Returns the folder to put before PATH, or nothing where the machine has it.
pub(crate) fn provide(workspace: &Workspace) -> Result<Option<PathBuf>> {
    // The fuzzer itself is C++.
    if on_path("c++").is_none() && on_path("g++").is_none() && on_path("clang++").is_none() {
        apt::install(&["g++"])?;
    }
    let fuzz = CargoTool {
        package: "cargo-fuzz",
        program: "cargo-fuzz",
        version: VERSION,
        takes: "about a minute, once",
    };
    fuzz.provide_subcommand(workspace)
}
