//! `cargo xtask deny`: checks the dependencies by the rules of `deny.toml`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::process::{command, run as run_program, run_within, say};
use crate::setup::cargo_tool::CargoTool;
use crate::setup::path_with;

/// The time limit of the download of the advisory database.
const FETCH_MAX: Duration = Duration::from_secs(60);

/// Checks licences, duplicates and sources. Checks advisories only if their database can be downloaded.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = CargoTool::deny().find(workspace);
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
        say("the advisory database cannot be downloaded: advisories were NOT checked");
        return Ok(());
    }
    run_program(&mut deny(&["check", "advisories"])?).context("a dependency has an advisory")
}
