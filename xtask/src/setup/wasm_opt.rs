//! wasm-opt, which makes the client smaller. The build also works without it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::plan::Missing;
use super::{WebTools, npm};
use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::{ask, command};

const PROGRAM: &str = "wasm-opt";

/// trunk runs wasm-opt in every release build. Without wasm-opt, this script takes its place.
const STAND_IN: &str = r#"#!/bin/sh
# Takes the place of wasm-opt where it could not be installed: copies its input to its output.
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

/// Returns the step that installs wasm-opt, if missing.
pub(super) fn missing<'a>(workspace: &'a Workspace, pins: &Pins) -> Option<Missing<'a>> {
    let package = package(pins);
    if is_on_path(&pins.wasm_opt) || npm::find(workspace, &package, PROGRAM).is_some() {
        return None;
    }
    let name = format!("wasm-opt {}", pins.wasm_opt);
    let source = ("npm's binaryen, 100 MB", 30);
    let install = move || npm::install(workspace, &package, PROGRAM);
    Some(Missing::new(name, "makes the web client smaller", source, install).optional())
}

/// Finds wasm-opt. If it could not be installed, a stand-in takes its place.
pub(super) fn find(workspace: &Workspace, pins: &Pins, tools: &mut WebTools) -> Result<()> {
    let version = &pins.wasm_opt;
    let mut known = format!("wasm-opt: {version}");
    if let Some(program) = npm::find(workspace, &package(pins), PROGRAM) {
        tools.folders.extend(program.parent().map(Path::to_path_buf));
    } else if !is_on_path(version) {
        tools.folders.push(stand_in(workspace, version)?);
        known = "wasm-opt: none".to_owned();
    }
    tools.versions.push(known);
    Ok(())
}

fn package(pins: &Pins) -> String {
    format!("binaryen@{}", pins.wasm_opt)
}

fn is_on_path(version: &str) -> bool {
    let answer = ask(command(PROGRAM).arg("--version")).unwrap_or_default();
    answer
        .strip_prefix("wasm-opt version ")
        .is_some_and(|rest| rest.split_whitespace().next() == Some(version))
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
