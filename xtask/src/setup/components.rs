//! rustfmt and clippy, which rustup's minimal profile leaves out.

use anyhow::{Result, bail};

use super::plan::Missing;
use crate::process::{ask, command, on_path, run};

/// Returns the installations of rustfmt and clippy, where they are missing.
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
        missing.push(Missing::new(component, purpose, ("rustup", 20), install));
    }
    Ok(missing)
}
