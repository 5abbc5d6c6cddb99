//! `cargo xtask dev`: an unoptimised program for browser tests, built in seconds after a change.

use anyhow::{Context, Result};

use crate::client;
use crate::paths::Workspace;
use crate::process::{command, run as run_program, say};

/// Builds the client and the server without optimisation, and prints the path of the program.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    client::build(workspace, client::Kind::Quick)?;
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["build", "--package", "xmeet-server", "--bin", "xmeet"]);
    run_program(&mut cargo).context("the server could not be built")?;
    let program = workspace.target.join("debug").join("xmeet");
    say(&format!("{} (unoptimised; XMEET_BIN for the browser tests)", program.display()));
    Ok(())
}
