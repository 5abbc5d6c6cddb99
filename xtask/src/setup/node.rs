//! The npm packages of the browser tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::paths::Workspace;
use crate::process::{command, on_path, run, say};

/// The folder of the browser tests, which has to be there.
pub(crate) fn tests(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.root.join("e2e");
    ensure!(
        folder.join("package.json").is_file(),
        "the browser tests were not found: there is no e2e/package.json"
    );
    Ok(folder)
}

/// Installs the packages when `package-lock.json` is newer than what is installed.
pub(crate) fn provide(workspace: &Workspace) -> Result<()> {
    let folder = tests(workspace)?;
    ensure!(
        on_path("npm").is_some(),
        "the browser tests need Node.js with npm, and there is none on PATH"
    );
    let lock = modified(&folder.join("package-lock.json"))
        .context("the browser tests have no package-lock.json to install from")?;
    // npm writes this one last, so a broken-off installation does not count.
    if modified(&folder.join("node_modules/.package-lock.json")).is_some_and(|done| done >= lock) {
        return Ok(());
    }
    say("installing the npm packages of the browser tests");
    let mut npm = command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    // The machine's Chromium is used, so no package need fetch a browser of its own.
    npm.env("PUPPETEER_SKIP_DOWNLOAD", "1").env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run(&mut npm).context("the npm packages of the browser tests could not be installed")
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
