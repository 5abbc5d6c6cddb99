//! `cargo xtask deny`: what the project depends on, by the rules of `deny.toml`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::process::{command, run as run_program, run_within, say};
use crate::setup::{cargo_deny, path_with};

/// How long the database of advisories may take to come, before it is taken for out of reach.
const FETCH_MAX: Duration = Duration::from_secs(60);

/// Licences, duplicates and sources in any case; advisories where their database can be had.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = cargo_deny::provide(workspace)?;
    let deny = |arguments: &[&str]| -> Result<Command> {
        let mut cargo = command("cargo");
        cargo.current_dir(&workspace.root).env("PATH", path_with(folder.as_slice())?);
        cargo.args(["deny", "--locked"]).args(arguments);
        Ok(cargo)
    };
    run_program(&mut deny(&["check", "licenses", "bans", "sources"])?)
        .context("a dependency breaks a rule of deny.toml")?;
    if let Err(error) = run_within(&mut deny(&["fetch", "db"])?, FETCH_MAX) {
        say(&format!("{error:#}"));
        say("the database of advisories cannot be had here: advisories were NOT checked");
        return Ok(());
    }
    run_program(&mut deny(&["check", "advisories"])?).context("a dependency has an advisory")
}
