//! `cargo xtask dist`: the finished server with the web client inside.

use std::fs;

use anyhow::{Context, Result};

use crate::client;
use crate::paths::Workspace;
use crate::process::{command, run as run_program, say};

/// Builds it and says how large it is.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    let server = workspace.server();
    let bytes = fs::metadata(&server)
        .with_context(|| format!("the build left no {}", server.display()))?
        .len();
    say(&format!("{}: {:.1} MB", server.display(), bytes as f64 / 1e6));
    Ok(())
}

/// Builds the client if need be, and the server; cargo knows whether that has changed.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    client::build(workspace)?;
    if !workspace.server().exists() {
        say("building the server (2 to 5 minutes the first time)");
    }
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["build", "--release", "--package", "xmeet-server", "--bin", "xmeet"]);
    run_program(&mut cargo).context("the server could not be built")
}
