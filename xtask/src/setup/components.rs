//! rustfmt and clippy, which rustup's minimal profile leaves out.

use anyhow::{Context, Result, bail};

use crate::process::{ask, command, on_path, run, say};

/// Sees to it that `cargo fmt` and `cargo clippy` run.
pub(crate) fn provide() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if ask(command("cargo").args([subcommand, "--version"])).is_some() {
            continue;
        }
        if on_path("rustup").is_none() {
            bail!("`cargo {subcommand}` is missing: install your distribution's {component}");
        }
        say(&format!("`cargo {subcommand}` is missing; asking rustup for it"));
        run(command("rustup").args(["component", "add", component]))
            .with_context(|| format!("the tests need `cargo {subcommand}`"))?;
    }
    Ok(())
}
