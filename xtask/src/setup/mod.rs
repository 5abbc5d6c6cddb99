//! Set-up: which tools a command needs, which of them are missing, and their installation.
//!
//! `cargo xtask setup`, `run` and `test` call [`install`]. Every other command calls [`require`] and
//! ends with the list of missing tools.

mod apt;
pub(crate) mod browsers;
pub(crate) mod cargo_tool;
pub(crate) mod components;
mod debian_rust;
mod esbuild;
mod linker;
pub(crate) mod node;
mod npm;
mod plan;
pub(crate) mod proxies;
pub(crate) mod python;
mod small_std;
mod wasm_opt;
mod wasm_target;
mod web_tools;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use self::cargo_tool::CargoTool;
use self::plan::Missing;
pub(crate) use self::web_tools::WebTools;
use crate::paths::Workspace;
use crate::process::say;

/// A set of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolset {
    /// Builds the web client, and with it the finished server.
    Client,
    /// Formats and checks Rust, and runs its tests.
    Host,
    /// Checks the dependencies.
    Deny,
    /// Builds the fuzz targets.
    Fuzz,
    /// Runs the browser tests.
    Browser,
}

/// What all commands together need.
pub(crate) const ALL: &[Toolset] =
    &[Toolset::Client, Toolset::Host, Toolset::Deny, Toolset::Fuzz, Toolset::Browser];

/// Installs everything that any command needs, also what could not be installed before.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let missing = missing(workspace, ALL)?;
    if !missing.is_empty() {
        plan::install(workspace, missing)?;
    }
    say("all tools are installed");
    Ok(())
}

/// Prints the tools that are missing and installs them.
pub(crate) fn install(workspace: &Workspace, toolsets: &[Toolset]) -> Result<()> {
    let mut missing = missing(workspace, toolsets)?;
    plan::drop_failed(workspace, &mut missing);
    if missing.is_empty() { Ok(()) } else { plan::install(workspace, missing) }
}

/// Checks that the tools are installed. Prints the list if only optional ones are missing.
///
/// # Errors
/// If a tool is missing that is not optional.
pub(crate) fn require(workspace: &Workspace, toolsets: &[Toolset]) -> Result<()> {
    let mut missing = missing(workspace, toolsets)?;
    plan::drop_failed(workspace, &mut missing);
    let list = plan::list(&missing);
    if missing.iter().any(|tool| !tool.is_optional) {
        bail!("tools are missing, `cargo xtask setup` installs them:{list}");
    }
    if !missing.is_empty() {
        say(&format!("optional tools are missing, `cargo xtask setup` installs them:{list}"));
    }
    Ok(())
}

fn missing<'a>(workspace: &'a Workspace, toolsets: &[Toolset]) -> Result<Vec<Missing<'a>>> {
    let mut missing = Vec::new();
    let builds_server = |toolset: &Toolset| *toolset != Toolset::Deny;
    if toolsets.iter().any(builds_server) {
        missing.extend(cargo_tool::missing_make());
    }
    for toolset in toolsets {
        match toolset {
            Toolset::Client => missing.extend(web_tools::missing(workspace)?),
            Toolset::Host => {
                missing.extend(components::missing()?);
                missing.extend(CargoTool::nextest().missing(workspace));
            }
            Toolset::Deny => missing.extend(CargoTool::deny().missing(workspace)),
            Toolset::Fuzz => {
                missing.extend(cargo_tool::missing_cxx());
                missing.extend(CargoTool::fuzz().missing(workspace));
            }
            Toolset::Browser => {
                missing.extend(node::missing(workspace)?);
                missing.extend(browsers::missing()?);
                missing.extend(proxies::missing(workspace)?);
                missing.extend(python::missing(workspace)?);
            }
        }
    }
    Ok(missing)
}

/// Returns PATH with these folders before it.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(env::split_paths(&path));
    env::join_paths(all).context("the path of a tool's folder cannot be in PATH")
}
