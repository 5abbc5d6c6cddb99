//! rustfmt and clippy, which rustup's minimal profile leaves out.

use anyhow::{Result, bail};

use super::plan::Missing;
use crate::process::{ask, command, on_path, run};

/// The usual time of an installation, shown before it starts.
const INSTALL_SECONDS: u32 = 20;

/// Returns an install step for each of rustfmt and clippy that is missing.
///
/// # Errors
/// If one is missing and there is no rustup to install it.
pub(super) fn missing() -> Result<Vec<Missing<'static>>> {
    let mut missing = Vec::new();
    for (subcommand, component, purpose) in
        [("fmt", "rustfmt", "formats Rust"), ("clippy", "clippy", "checks Rust")]
    {
        if ask(command("cargo").args([subcommand, "--version"])).is_some() {
            continue;
        }
        if on_path("rustup").is_none() {
            bail!("`cargo {subcommand}` is missing: install your distribution's {component}");
        }
        let install = move || run(command("rustup").args(["component", "add", component]));
        missing.push(Missing::new(component, purpose, ("rustup", INSTALL_SECONDS), install));
    }
    Ok(missing)
}
