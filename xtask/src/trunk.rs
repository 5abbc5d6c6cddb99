//! `cargo xtask trunk`: trunk with the project's tools and toolchain.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::become_program;
use crate::setup::WebTools;

/// Becomes trunk.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let tools = WebTools::find(workspace, &Pins::read(workspace)?)?;
    become_program(tools.trunk(workspace)?.args(arguments))
}
