//! Compiles the standard library of the finished client for size. The precompiled one contains messages
//! and formatting for panics, a fifth of the client's bytes, which a client that aborts never shows.

use std::path::Path;

use anyhow::ensure;

use super::plan::Missing;
use super::{WebTools, wasm_target};
use crate::process::{ask, command, on_path, run};

/// The crates of the standard library that cargo compiles.
pub(super) const CRATES: &str = "std,panic_abort";

/// Where a toolchain has the library's sources, below its own folder.
const SOURCES: &str = "lib/rustlib/src/rust/library/std/Cargo.toml";

/// The first minor version of Rust 1 that aborts at once by `-Cpanic=immediate-abort`.
const MINOR_VERSION_MIN: u32 = 91;

/// Without locations and messages of panics, and without the output of `{:?}`: neither is ever shown.
/// Cargo adds these to the flags in `.cargo/config.toml`.
const RUSTFLAGS: &str =
    "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none";

/// Returns the installation of the sources, where a toolchain of rustup lacks them.
pub(super) fn missing() -> Option<Missing<'static>> {
    (!has_sources() && on_path("rustup").is_some()).then(planned)
}

/// Returns the installation of the sources. It does nothing where Debian's Rust compiles the client,
/// which has them.
pub(super) fn planned() -> Missing<'static> {
    let install = || {
        if !wasm_target::has_target() {
            return Ok(());
        }
        run(command("rustup").args(["component", "add", "rust-src"]))?;
        ensure!(has_sources(), "rustup added them to another toolchain than the active one");
        Ok(())
    };
    let purpose = "make the web client a fifth smaller";
    Missing::new("sources of Rust's standard library", purpose, ("rustup", 10), install).optional()
}

/// Has release builds compile the standard library for size, from its sources.
pub(super) fn shrink(tools: &mut WebTools, rustc_version: &str) {
    let minor = super::debian_rust::minor_version(rustc_version);
    if minor.is_none_or(|minor| minor < MINOR_VERSION_MIN) {
        return;
    }
    tools.set_for_release("RUSTC_BOOTSTRAP", "1");
    tools.set_for_release("CARGO_UNSTABLE_BUILD_STD", CRATES);
    tools.set_for_release("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size");
    tools.set_for_release("CARGO_UNSTABLE_PANIC_IMMEDIATE_ABORT", "true");
    tools.set_for_release("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS);
    tools.versions.push(format!("standard library for size: {RUSTFLAGS}"));
}

/// Returns whether the active toolchain has the sources of the standard library.
pub(super) fn has_sources() -> bool {
    ask(command("rustc").args(["--print", "sysroot"]))
        .is_some_and(|sysroot| Path::new(&sysroot).join(SOURCES).is_file())
}
