//! Builds the web client, if its sources or tools have changed.

mod pack;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::{run, say};
use crate::setup::WebTools;
use crate::stamp;

/// The files and folders of the source tree that the client depends on.
const SOURCES: [&str; 7] = [
    "web",
    "shared",
    "Cargo.toml",
    "Cargo.lock",
    "Trunk.toml",
    ".cargo/config.toml",
    "xtask/src/client",
];

/// How the client is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Optimised for size, which takes a minute or more after each change.
    Finished,
    /// For browser tests: compiled in seconds, and several times as large.
    Quick,
}

/// Builds the client into `web/dist`. Does not touch an up-to-date client, so that cargo does not rebuild the
/// server.
pub(crate) fn build(workspace: &Workspace, kind: Kind) -> Result<()> {
    let pins = Pins::read(workspace)?;
    let tools = WebTools::find(workspace, &pins)?;
    let stamp = workspace.web_target().join("client.stamp");
    // Computed before the build, so that a file that is saved during the build counts as changed.
    let inputs = inputs_digest(workspace, &tools, kind)?;
    let current = stamp_text(&inputs, &output_digest(workspace));
    if fs::read_to_string(&stamp).is_ok_and(|last| last == current) {
        return Ok(());
    }
    say("building the web client (2 to 4 minutes the first time, then under one)");
    let started = Instant::now();
    // trunk copies everything in this folder, including files of earlier builds.
    remove(&workspace.web_target().join("wasm-bindgen"))?;
    let (mut trunk, arguments): (_, &[&str]) = match kind {
        Kind::Finished => (tools.trunk_for_release(workspace)?, &["build", "--release"]),
        Kind::Quick => (tools.trunk(workspace)?, &["build"]),
    };
    run(trunk.args(arguments)).context("the web client could not be built")?;
    pack::pack(&workspace.web_dist(), tools.esbuild.as_deref())?;
    fs::write(&stamp, stamp_text(&inputs, &output_digest(workspace)))
        .with_context(|| format!("cannot write {}", stamp.display()))?;
    say(&format!("the web client is built, in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Returns the digest of everything that the client depends on: sources, tools, flags and kind.
fn inputs_digest(workspace: &Workspace, tools: &WebTools, kind: Kind) -> Result<String> {
    let kind = match kind {
        Kind::Finished => "finished",
        Kind::Quick => "quick",
    };
    let sources = stamp::digest(&workspace.root, &SOURCES, &[workspace.web_dist()])?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let tools = tools.versions.iter().map(String::as_str);
    Ok(stamp::digest_texts(tools.chain([kind, sources.as_str(), flags.as_str()])))
}

/// Returns the digest of `web/dist`. `trunk serve` also writes there, and its unoptimised client must
/// not count as the finished one.
fn output_digest(workspace: &Workspace) -> String {
    stamp::digest(&workspace.root, &["web/dist"], &[]).unwrap_or_default()
}

/// Returns the content of the stamp file.
fn stamp_text(inputs: &str, output: &str) -> String {
    format!("{inputs} {output}\n")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
