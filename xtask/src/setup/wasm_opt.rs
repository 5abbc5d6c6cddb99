//! wasm-opt, which makes the client smaller. It is wanted but not needed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::WebTools;
use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::{ask, command, on_path, run, say};

/// trunk insists on wasm-opt in a release build, so where there is none this takes its place.
const STAND_IN: &str = r#"#!/bin/sh
# Stands in for wasm-opt where it could not be installed: hands its input on as it is.
for argument in "$@"; do
    case "$argument" in
        --version) echo "wasm-opt version VERSION (stand-in)"; exit 0 ;;
        --output=*) output="${argument#--output=}" ;;
        -*) ;;
        *) input="$argument" ;;
    esac
done
exec cp -- "$input" "$output"
"#;

/// Finds wasm-opt, or installs it from npm, or does without it and says so.
pub(super) fn provide(workspace: &Workspace, pins: &Pins, tools: &mut WebTools) -> Result<()> {
    let version = &pins.wasm_opt;
    let mut known = format!("wasm-opt: {version}");
    if !is_at(Path::new("wasm-opt"), version) {
        let folder = workspace.tools.join(format!("binaryen-{version}"));
        let bin = folder.join("node_modules/.bin");
        // It runs on Node and takes a second to say its version, which its folder says as well.
        if bin.join("wasm-opt").exists() {
            tools.folders.push(bin);
        } else if let Err(error) = from_npm(&folder, version) {
            say(&format!("{error:#}"));
            say("warning: going on without wasm-opt; the web client works but is larger");
            tools.folders.push(stand_in(workspace, version)?);
            known = "wasm-opt: none".to_owned();
        } else {
            tools.folders.push(bin);
        }
    }
    tools.versions.push(known);
    Ok(())
}

fn is_at(program: &Path, version: &str) -> bool {
    let answer = ask(command(program).arg("--version")).unwrap_or_default();
    answer
        .strip_prefix("wasm-opt version ")
        .is_some_and(|rest| rest.split_whitespace().next() == Some(version))
}

fn from_npm(folder: &Path, version: &str) -> Result<()> {
    ensure!(
        on_path("npm").is_some(),
        "wasm-opt is missing, and there is no npm to install it with"
    );
    say("installing wasm-opt, which is in npm's package binaryen (100 MB, once)");
    // Put together beside its place, so that a broken-off download is not taken for the tool.
    let unfinished = folder.with_extension("unfinished");
    fs::create_dir_all(&unfinished).context("cannot make the folder for wasm-opt")?;
    let package = format!("binaryen@{version}.0.0");
    let mut npm = command("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&unfinished);
    run(npm.arg(package)).context("wasm-opt could not be installed")?;
    ensure!(
        is_at(&unfinished.join("node_modules/.bin/wasm-opt"), version),
        "npm's binaryen was installed, but its wasm-opt does not run with this Node"
    );
    fs::rename(&unfinished, folder).context("cannot put wasm-opt in its place")
}

fn stand_in(workspace: &Workspace, version: &str) -> Result<PathBuf> {
    let folder = workspace.web_target().join("no-wasm-opt");
    let script = folder.join("wasm-opt");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&script, STAND_IN.replace("VERSION", version)))
        .and_then(|()| make_executable(&script))
        .with_context(|| format!("cannot write {}", script.display()))?;
    Ok(folder)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix one can fail")]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
