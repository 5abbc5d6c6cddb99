//! The npm packages of the browser tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use super::plan::Missing;
use crate::paths::Workspace;
use crate::process::{command, on_path, run};

/// Returns the folder of the browser tests.
pub(crate) fn tests(workspace: &Workspace) -> PathBuf {
    workspace.root.join("e2e")
}

/// Returns the installation of the packages, if `package-lock.json` is newer than what is installed.
///
/// # Errors
/// If Node.js is missing, which set-up does not install.
pub(super) fn missing(workspace: &Workspace) -> Result<Option<Missing<'_>>> {
    ensure!(
        on_path("npm").is_some(),
        "the browser tests need Node.js with npm, and there is none on PATH"
    );
    let folder = tests(workspace);
    let lock = modified(&folder.join("package-lock.json"))
        .context("the browser tests have no package-lock.json to install from")?;
    // npm writes this file last, so an interrupted installation does not count.
    if modified(&folder.join("node_modules/.package-lock.json")).is_some_and(|done| done >= lock) {
        return Ok(None);
    }
    let purpose = "drive the browsers in the browser tests";
    Ok(Some(Missing::new("npm packages", purpose, ("npm", 10), move || install(&folder))))
}

fn install(folder: &Path) -> Result<()> {
    let mut npm = command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
    // The tests use the machine's browsers, so packages must not download their own.
    npm.env("PUPPETEER_SKIP_DOWNLOAD", "1").env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run(&mut npm)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
