//! The Python packages of the browser tests: WebSocket clients of other projects.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::plan::Missing;
use crate::paths::Workspace;
use crate::process::{ask, command, on_path, run};
use crate::stamp;

/// The list of packages, with their versions.
const REQUIREMENTS: &str = "e2e/clients/requirements.txt";

/// Returns the step that installs Python and the packages, if missing.
pub(super) fn missing(workspace: &Workspace) -> Result<Vec<Missing<'_>>> {
    let mut missing = Vec::new();
    let folder = folder(workspace)?;
    if folder.join("complete").is_file() {
        return Ok(missing);
    }
    let has_venv = || ask(command("python3").args(["-c", "import venv, ensurepip"])).is_some();
    if on_path("python3").is_none() || !has_venv() {
        let packages = &["python3", "python3-venv"];
        missing.push(Missing::debian("Python 3 with venv", "runs Python clients", packages));
    }
    let install = move || install(&workspace.root.join(REQUIREMENTS), &folder);
    let purpose = "connect to the server in the browser tests";
    missing.push(Missing::new("Python clients", purpose, ("PyPI", 20), install));
    Ok(missing)
}

/// Returns the path of the Python that has the packages.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf> {
    Ok(folder(workspace)?.join("bin/python"))
}

/// A folder for each list of packages, so that a changed list leads to a new installation.
fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join(REQUIREMENTS);
    let list = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    Ok(workspace.tools.join(format!("python-{}", stamp::digest_texts([list.as_str()]))))
}

fn install(requirements: &Path, folder: &Path) -> Result<()> {
    run(command("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = command(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(["--only-binary", ":all:", "--requirement"]).arg(requirements))?;
    // Last, so that an interrupted installation does not count.
    fs::write(folder.join("complete"), "").context("cannot mark the Python packages as complete")
}
