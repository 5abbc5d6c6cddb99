//! Programs from npm, each version in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::paths::Workspace;
use crate::process::{ask, command, on_path, run};

/// Returns the path of a program of an installed package, or `None` if the package is missing.
pub(super) fn find(workspace: &Workspace, package: &str, program: &str) -> Option<PathBuf> {
    // Not by running it: a program on Node takes a second to start.
    Some(programs(&folder(workspace, package)).join(program)).filter(|path| path.exists())
}

/// Installs a package such as `esbuild@1.0.0`, and checks that its program starts.
pub(super) fn install(workspace: &Workspace, package: &str, program: &str) -> Result<()> {
    ensure!(on_path("npm").is_some(), "there is no npm to install it with");
    let folder = folder(workspace, package);
    // Installs into another folder and renames it at the end, so that an interrupted download is not
    // mistaken for an installed package.
    let unfinished = folder.with_extension("unfinished");
    fs::create_dir_all(&unfinished)
        .with_context(|| format!("cannot make {}", unfinished.display()))?;
    let mut npm = command("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&unfinished);
    run(npm.arg(package))?;
    let program = programs(&unfinished).join(program);
    ensure!(
        ask(command(&program).arg("--version")).is_some(),
        "{} does not run with this Node",
        program.display()
    );
    fs::rename(&unfinished, &folder)
        .with_context(|| format!("cannot move {} into its place", unfinished.display()))
}

fn folder(workspace: &Workspace, package: &str) -> PathBuf {
    workspace.tools.join(package.replace('@', "-"))
}

/// Returns the folder in which npm puts programs.
fn programs(folder: &Path) -> PathBuf {
    folder.join("node_modules/.bin")
}
