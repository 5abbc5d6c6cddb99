//! The tools that build the web client, and the environment that trunk runs in.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo_tool::CargoTool;
use super::plan::Missing;
use super::{esbuild, path_with, wasm_opt, wasm_target};
use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process;

/// The tools of the web build, all of them installed.
#[derive(Default)]
pub(crate) struct WebTools {
    /// Folders to look for programs in before the user's PATH.
    pub(super) folders: Vec<PathBuf>,
    /// Further environment, such as which Rust toolchain compiles the client.
    variables: Vec<(&'static str, OsString)>,
    /// Environment for the finished client alone.
    release_variables: Vec<(&'static str, OsString)>,
    /// The path of esbuild, where it is installed.
    pub(crate) esbuild: Option<PathBuf>,
    /// A line for each tool, by which a change of tools leads to a new build.
    pub(crate) versions: Vec<String>,
}

/// Returns the missing tools of the web build.
pub(super) fn missing(workspace: &Workspace) -> Result<Vec<Missing<'_>>> {
    let pins = Pins::read(workspace)?;
    let mut missing = wasm_target::missing()?;
    missing.extend(CargoTool::wasm_bindgen(&pins).missing(workspace));
    missing.extend(wasm_opt::missing(workspace, &pins));
    missing.extend(esbuild::missing(workspace));
    missing.extend(CargoTool::trunk(&pins).missing(workspace));
    Ok(missing)
}

impl WebTools {
    /// Finds the tools, which must be installed.
    ///
    /// # Errors
    /// If there is no compiler or no linker for WebAssembly.
    pub(crate) fn find(workspace: &Workspace, pins: &Pins) -> Result<Self> {
        let mut tools = Self::default();
        wasm_target::find(&mut tools)?;
        for tool in [CargoTool::trunk(pins), CargoTool::wasm_bindgen(pins)] {
            tools.folders.extend(tool.find(workspace));
            tools.versions.push(format!("{}: {}", tool.program, tool.version));
        }
        wasm_opt::find(workspace, pins, &mut tools)?;
        esbuild::find(workspace, &mut tools);
        Ok(tools)
    }

    pub(super) fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.variables.push((name, value.as_ref().to_owned()));
    }

    pub(super) fn set_for_release(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.release_variables.push((name, value.as_ref().to_owned()));
    }

    /// Returns trunk in the environment that builds the finished client.
    pub(crate) fn trunk_for_release(&self, workspace: &Workspace) -> Result<Command> {
        let mut trunk = self.trunk(workspace)?;
        trunk.envs(self.release_variables.iter().map(|(name, value)| (name, value)));
        Ok(trunk)
    }

    /// Returns trunk in the environment that builds the client.
    pub(crate) fn trunk(&self, workspace: &Workspace) -> Result<Command> {
        let mut trunk = process::command("trunk");
        trunk.current_dir(&workspace.root);
        trunk.env("PATH", path_with(&self.folders)?);
        trunk.env("CARGO_TARGET_DIR", workspace.web_target());
        trunk.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // trunk asks the registry for its newest version, unless this is set.
        trunk.env("TRUNK_SKIP_VERSION_CHECK", "true");
        // trunk reads RUST_LOG, which is meant for xmeet, and rejects NO_COLOR=1.
        trunk.env_remove("RUST_LOG");
        if env::var_os("NO_COLOR").is_some() {
            trunk.env("NO_COLOR", "true");
        }
        Ok(trunk)
    }
}
