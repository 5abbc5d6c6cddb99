//! A Rust that compiles for WebAssembly: rustup's target, or Debian's toolchain where rustup's
//! server is out of reach.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{WebTools, debian_rust, linker, small_std};
use crate::process::{ask, command, on_path, run_within, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// Without an answer by then, the server counts as out of reach. The download is 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Sees to it that the web build has a toolchain, the person's own one if at all possible.
pub(super) fn provide(tools: &mut WebTools) -> Result<()> {
    if has_target() {
        tools.versions.push(format!("rust: {}", rustc_version("rustc")));
        small_std::provide(tools);
        return Ok(());
    }
    if on_path("rustup").is_none() {
        return without_rustup(tools);
    }
    // A machine that needed it once needs it again, so rustup is not asked in vain every time.
    if !debian_rust::is_linked() {
        say(&format!("the Rust target {TARGET} is missing; asking rustup for it (under a minute)"));
        let mut add = command("rustup");
        match run_within(add.args(["target", "add", TARGET]), RUSTUP_LIMIT) {
            Ok(()) if has_target() => return provide(tools),
            Ok(()) => say("rustup added the target to another toolchain than the active one"),
            Err(error) => say(&format!("rustup could not add it: {error:#}")),
        }
        say("instead, Debian's own Rust will compile the web client, and its standard library");
        debian_rust::provide()?;
    }
    tools.set("RUSTUP_TOOLCHAIN", debian_rust::TOOLCHAIN);
    build_std(tools, debian_rust::RUSTC)
}

/// A distribution's Rust may carry the library sources instead of the compiled target.
fn without_rustup(tools: &mut WebTools) -> Result<()> {
    let sysroot = ask(command("rustc").args(["--print", "sysroot"]))
        .context("there is no Rust compiler on PATH; rustup installs one")?;
    if Path::new(&sysroot).join(small_std::SOURCES).is_file() {
        return build_std(tools, "rustc");
    }
    bail!(
        "this Rust cannot compile for {TARGET}, and there is no rustup to add it with. Install \
         your distribution's package for that target or of the library sources (on Debian \
         `rust-web-src`, together with `rustc-web` and `cargo-web`), or install rustup"
    )
}

/// Has cargo compile the standard library for the web, some 30 s once for each build folder.
fn build_std(tools: &mut WebTools, rustc: &str) -> Result<()> {
    tools.set("RUSTC_BOOTSTRAP", "1");
    tools.set("CARGO_UNSTABLE_BUILD_STD", small_std::CRATES);
    small_std::shrink(tools, &rustc_version(rustc));
    tools.set("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker::provide()?);
    tools.versions.push(format!("rust: {}, standard library from source", rustc_version(rustc)));
    Ok(())
}

fn has_target() -> bool {
    let folder = ask(command("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn rustc_version(rustc: &str) -> String {
    ask(command(rustc).arg("--version")).unwrap_or_else(|| "unknown".to_owned())
}
