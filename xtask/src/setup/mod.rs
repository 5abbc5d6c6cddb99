//! Installs what a machine lacks, and nothing that it has.

mod apt;
pub(crate) mod cargo_deny;
pub(crate) mod cargo_fuzz;
pub(crate) mod cargo_tool;
pub(crate) mod chromium;
pub(crate) mod components;
mod debian_rust;
mod linker;
pub(crate) mod nextest;
pub(crate) mod node;
pub(crate) mod proxies;
mod small_std;
mod trunk;
mod wasm_bindgen;
mod wasm_opt;
mod wasm_target;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process;

/// What the web build needs around it, found or installed.
#[derive(Default)]
pub(crate) struct WebTools {
    /// Folders to look for programs in before the user's PATH.
    folders: Vec<PathBuf>,
    /// Further environment, such as which Rust toolchain compiles the client.
    variables: Vec<(&'static str, OsString)>,
    /// Environment for the finished client alone.
    release_variables: Vec<(&'static str, OsString)>,
    /// A line for each tool, by which a change of tools leads to a new build.
    pub(crate) versions: Vec<String>,
}

impl WebTools {
    /// Finds or installs everything the web build needs.
    pub(crate) fn provide(workspace: &Workspace, pins: &Pins) -> Result<Self> {
        let mut tools = Self::default();
        wasm_target::provide(&mut tools)?;
        trunk::provide(workspace, pins, &mut tools)?;
        wasm_bindgen::provide(workspace, pins, &mut tools)?;
        wasm_opt::provide(workspace, pins, &mut tools)?;
        Ok(tools)
    }

    fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.variables.push((name, value.as_ref().to_owned()));
    }

    fn set_for_release(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.release_variables.push((name, value.as_ref().to_owned()));
    }

    /// trunk as the finished client is built.
    pub(crate) fn trunk_for_release(&self, workspace: &Workspace) -> Result<Command> {
        let mut trunk = self.trunk(workspace)?;
        trunk.envs(self.release_variables.iter().map(|(name, value)| (name, value)));
        Ok(trunk)
    }

    /// trunk with all of it around.
    pub(crate) fn trunk(&self, workspace: &Workspace) -> Result<Command> {
        let mut trunk = process::command("trunk");
        trunk.current_dir(&workspace.root);
        trunk.env("PATH", path_with(&self.folders)?);
        trunk.env("CARGO_TARGET_DIR", workspace.web_target());
        trunk.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // It would ask the registry for news of itself.
        trunk.env("TRUNK_SKIP_VERSION_CHECK", "true");
        // It takes RUST_LOG, which is meant for xmeet, and does not take NO_COLOR=1.
        trunk.env_remove("RUST_LOG");
        if env::var_os("NO_COLOR").is_some() {
            trunk.env("NO_COLOR", "true");
        }
        Ok(trunk)
    }
}

/// PATH with folders before it.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(env::split_paths(&path));
    env::join_paths(all).context("a folder of tools has a name that PATH cannot hold")
}

/// Installs all that any command needs: `cargo xtask setup`.
pub(crate) fn everything(workspace: &Workspace) -> Result<()> {
    let tools = WebTools::provide(workspace, &Pins::read(workspace)?)?;
    for version in &tools.versions {
        process::say(version);
    }
    components::provide()?;
    nextest::provide(workspace)?;
    cargo_fuzz::provide(workspace)?;
    cargo_deny::provide(workspace)?;
    let chromium = chromium::provide()?;
    process::say(&format!("browser: {}", chromium.display()));
    let proxies = proxies::provide(workspace)?;
    process::say(&format!("proxies: {}, {}", proxies.nginx.display(), proxies.caddy.display()));
    if node::tests(workspace).is_ok() {
        node::provide(workspace)?;
    }
    process::say("everything is there");
    Ok(())
}
