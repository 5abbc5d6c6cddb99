//! trunk, which builds and bundles the web client.

use anyhow::Result;

use super::WebTools;
use super::cargo_tool::CargoTool;
use crate::paths::Workspace;
use crate::pins::Pins;

/// Finds or compiles the version that `Trunk.toml` asks for.
pub(super) fn provide(workspace: &Workspace, pins: &Pins, tools: &mut WebTools) -> Result<()> {
    let trunk = CargoTool {
        package: "trunk",
        program: "trunk",
        version: &pins.trunk,
        takes: "4 to 10 minutes, once",
    };
    tools.folders.extend(trunk.provide(workspace)?);
    tools.versions.push(format!("trunk: {}", pins.trunk));
    Ok(())
}
