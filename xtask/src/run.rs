//! `cargo xtask run`: from a fresh clone to a running server.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::dist;
use crate::paths::Workspace;
use crate::process::{become_program, command, say};

/// Builds what has changed and becomes the server, which itself says where it listens.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    if !workspace.server().exists() {
        say("the first start sets up tools and compiles everything: 10 to 25 minutes on two cores");
    }
    dist::build(workspace)?;
    // The folder stays the person's own, so that relative paths in ARGS mean what they say.
    become_program(command(workspace.server()).args(arguments))
}
