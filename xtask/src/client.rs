//! Builds the web client, unless nothing it is made of has changed.

mod pack;
mod squeeze;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::{run, say};
use crate::setup::WebTools;
use crate::stamp;

/// Everything in the source tree that the client is made of, or by.
const SOURCES: [&str; 7] = [
    "web",
    "shared",
    "Cargo.toml",
    "Cargo.lock",
    "Trunk.toml",
    ".cargo/config.toml",
    "xtask/src/client",
];

/// Leaves the current client in `web/dist`, which stays untouched when it is current already, so
/// that cargo does not build the server anew either.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let pins = Pins::read(workspace)?;
    let tools = WebTools::provide(workspace, &pins)?;
    let stamp = workspace.web_target().join("client.stamp");
    // Read before the build: a file that is saved during it counts as changed afterwards.
    let made_of = ingredients(workspace, &tools)?;
    if fs::read_to_string(&stamp).is_ok_and(|kept| kept == line(&made_of, &output(workspace))) {
        return Ok(());
    }
    say("building the web client (2 to 4 minutes the first time, then under one)");
    let started = Instant::now();
    // trunk takes over whatever lies in this folder, also what no longer belongs to the client.
    remove(&workspace.web_target().join("wasm-bindgen/release"))?;
    let mut trunk = tools.trunk_for_release(workspace)?;
    run(trunk.args(["build", "--release"])).context("the web client could not be built")?;
    pack::pack(&workspace.web_dist())?;
    fs::write(&stamp, line(&made_of, &output(workspace)))
        .with_context(|| format!("cannot write {}", stamp.display()))?;
    say(&format!("the web client is built, in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn ingredients(workspace: &Workspace, tools: &WebTools) -> Result<String> {
    let sources = stamp::digest(&workspace.root, &SOURCES, &[workspace.web_dist()])?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let tools = tools.versions.iter().map(String::as_str);
    Ok(stamp::digest_texts(tools.chain([sources.as_str(), flags.as_str()])))
}

/// What is in `web/dist` now. `trunk serve` writes there too, and its unoptimised client must not
/// pass for the finished one.
fn output(workspace: &Workspace) -> String {
    stamp::digest(&workspace.root, &["web/dist"], &[]).unwrap_or_default()
}

fn line(made_of: &str, output: &str) -> String {
    format!("{made_of} {output}\n")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
