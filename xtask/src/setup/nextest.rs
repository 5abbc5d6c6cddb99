//! cargo-nextest, which runs the Rust tests.

use std::path::PathBuf;

use anyhow::Result;

use super::cargo_tool::CargoTool;
use crate::paths::Workspace;
use crate::process::{ask, command};

/// Compiled where there is none; the machine's own is taken at any version.
const VERSION: &str = "0.9.143";

/// Returns the folder to put before PATH, or nothing where the machine has it.
pub(crate) fn provide(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if ask(command("cargo").args(["nextest", "--version"])).is_some() {
        return Ok(None);
    }
    let nextest = CargoTool {
        package: "cargo-nextest",
        program: "cargo-nextest",
        version: VERSION,
        takes: "5 to 10 minutes, once",
    };
    nextest.provide(workspace)
}
