//! The wasm-bindgen command, which writes the JavaScript between the page and the client.

use anyhow::Result;

use super::WebTools;
use super::cargo_tool::CargoTool;
use crate::paths::Workspace;
use crate::pins::Pins;

/// Finds or compiles the version that `Cargo.lock` holds; it works with no other.
pub(super) fn provide(workspace: &Workspace, pins: &Pins, tools: &mut WebTools) -> Result<()> {
    let wasm_bindgen = CargoTool {
        package: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: &pins.wasm_bindgen,
        takes: "1 to 4 minutes, once",
    };
    tools.folders.extend(wasm_bindgen.provide(workspace)?);
    tools.versions.push(format!("wasm-bindgen: {}", pins.wasm_bindgen));
    Ok(())
}
