//! `cargo xtask run`: from a fresh clone to a running server.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::dist;
use crate::paths::Workspace;
use crate::process::{become_program, command};
use crate::setup::{self, Toolset};

/// Installs missing tools, builds the changed parts, and replaces itself by the server.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let ahead = dist::Ahead::start(workspace)?;
    setup::install(workspace, &[Toolset::Client])?;
    dist::build_after(workspace, ahead)?;
    // In the current folder, so that relative paths in the arguments stay valid.
    become_program(command(workspace.server()).args(arguments))
}
