//! Has the finished client's standard library compiled for size. The one that comes compiled carries
//! texts and formatting for panics, which a client that aborts never shows: a fifth of its bytes.

use std::path::Path;

use super::WebTools;
use crate::process::{ask, command, run, say};

/// What cargo compiles of the standard library.
pub(super) const CRATES: &str = "std,panic_abort";

/// Where a toolchain has the library's sources, below its own folder.
pub(super) const SOURCES: &str = "lib/rustlib/src/rust/library/std/Cargo.toml";

/// The first minor version of Rust 1 that aborts at once by `-Cpanic=immediate-abort`.
const MINOR_VERSION_MIN: u32 = 91;

/// No places and no texts of panics, and `{:?}` prints nothing: neither is ever shown.
/// Cargo adds these to the flags in `.cargo/config.toml`.
const RUSTFLAGS: &str =
    "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none";

/// For a toolchain that has the compiled target: gets the sources too, where they can be had.
pub(super) fn provide(tools: &mut WebTools) {
    if !has_sources() {
        say("asking rustup for the sources of the standard library, which make the client smaller");
        let added = run(command("rustup").args(["component", "add", "rust-src"]));
        if added.is_err() || !has_sources() {
            say("they cannot be had: the client works all the same, and is a fifth larger");
            return;
        }
    }
    let version = ask(command("rustc").arg("--version")).unwrap_or_default();
    shrink(tools, &version);
}

/// Sets what makes a release build small, with the sources at hand.
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

fn has_sources() -> bool {
    ask(command("rustc").args(["--print", "sysroot"]))
        .is_some_and(|sysroot| Path::new(&sysroot).join(SOURCES).is_file())
}
