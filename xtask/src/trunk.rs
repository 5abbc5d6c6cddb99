//! `cargo xtask trunk`: trunk by hand, on machines where it does not work by itself.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::become_program;
use crate::setup::WebTools;

/// Becomes trunk, with the project's tools and toolchain around it.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let tools = WebTools::provide(workspace, &Pins::read(workspace)?)?;
    become_program(tools.trunk(workspace)?.args(arguments))
}
