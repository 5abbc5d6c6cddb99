//! `cargo xtask tidy`: checks of the source tree beyond those of the compiler.

mod acceptance;
mod documents;
mod layers;
mod names;
mod sources;

use anyhow::{Result, bail};

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::say;

/// Prints all findings, and fails if there are any.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = sources::check(&workspace.root)?;
    findings.extend(documents::check(&workspace.root)?);
    findings.extend(acceptance::check(&workspace.root)?);
    findings.extend(layers::check(&workspace.root)?);
    findings.extend(names::check(&workspace.root)?);
    if let Err(error) = Pins::read(workspace) {
        findings.push(format!("{error:#}"));
    }
    for finding in &findings {
        say(&format!("tidy: {finding}"));
    }
    if !findings.is_empty() {
        bail!("the source tree is not tidy, see the {} findings above", findings.len());
    }
    Ok(())
}
