//! cargo-nextest, which runs the Rust tests.

use std::path::PathBuf;

use anyhow::Result;

use super::cargo_tool::CargoTool;
use crate::paths::Workspace;

/// Compiled where there is none; the machine's own is taken at any version.
const VERSION: &str = "0.9.143";

/// Returns the folder to put before PATH, or nothing where the machine has it.
pub(crate) fn provide(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let nextest = CargoTool {
        package: "cargo-nextest",
        program: "cargo-nextest",
        version: VERSION,
        takes: "5 to 10 minutes, once",
    };
    nextest.provide_subcommand(workspace)
}
