//! cargo-deny, which checks what the project depends on.

use std::path::PathBuf;

use anyhow::Result;

use super::cargo_tool::CargoTool;
use crate::paths::Workspace;

/// Compiled where there is none; the machine's own is taken at any version.
const VERSION: &str = "0.20.2";

/// Returns the folder to put before PATH, or nothing where the machine has it.
pub(crate) fn provide(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let deny = CargoTool {
        package: "cargo-deny",
        program: "cargo-deny",
        version: VERSION,
        takes: "2 to 5 minutes, once",
    };
    deny.provide_subcommand(workspace)
}
