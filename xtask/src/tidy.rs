//! `cargo xtask tidy`: the checks of the source tree that no compiler makes.

mod acceptance;
mod documents;
mod sources;

use anyhow::{Result, bail};

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::say;

/// Reports everything that is wrong at once, and fails if anything is.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = sources::check(&workspace.root)?;
    findings.extend(documents::check(&workspace.root)?);
    findings.extend(acceptance::check(&workspace.root)?);
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
