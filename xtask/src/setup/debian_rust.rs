//! Debian's `rustc-web`: a recent Rust with its library sources, from an ordinary Debian mirror.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::apt;
use crate::process::{ask, command, run};

/// rustup's name of this toolchain, once it is linked.
pub(super) const TOOLCHAIN: &str = "xmeet-web";

/// Its compiler.
pub(super) const RUSTC: &str = "/usr/bin/rustc";

const SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// The oldest minor version of Rust 1 that compiles the client: the workspace's `rust-version`.
const MINOR_VERSION_MIN: u32 = 89;

/// Returns whether an earlier run has installed it.
pub(super) fn is_linked() -> bool {
    is_installed() && in_rustup()
}

/// Installs it and links it as a toolchain of rustup, for the web build alone.
pub(super) fn install() -> Result<()> {
    if !is_installed() {
        apt::install(&["rustc-web", "cargo-web", "rust-web-src"]).context(
            "the web client needs a Rust that compiles for wasm32-unknown-unknown. Either make \
             `rustup target add wasm32-unknown-unknown` work, or install Debian's rustc-web, \
             cargo-web and rust-web-src",
        )?;
        ensure!(
            is_installed(),
            "Debian's rustc-web is installed but is older than Rust 1.{MINOR_VERSION_MIN}, or its \
             sources are not at {SOURCES}; `apt-get update` with the security archive gives a newer one"
        );
    }
    if !in_rustup() {
        run(command("rustup").args(["toolchain", "link", TOOLCHAIN, "/usr"]))?;
    }
    Ok(())
}

fn is_installed() -> bool {
    let version = ask(command(RUSTC).arg("--version")).unwrap_or_default();
    Path::new(SOURCES).is_file()
        && Path::new("/usr/bin/cargo").is_file()
        && minor_version(&version).is_some_and(|minor| minor >= MINOR_VERSION_MIN)
}

fn in_rustup() -> bool {
    let list = ask(command("rustup").args(["toolchain", "list"])).unwrap_or_default();
    list.lines().any(|line| line.split_whitespace().next() == Some(TOOLCHAIN))
}

/// The 96 in `rustc 1.96.0 (ac68faa20 2026-05-25)`.
pub(super) fn minor_version(text: &str) -> Option<u32> {
    text.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor_version;

    #[test]
    fn minor_version_is_the_second_number() {
        assert_eq!(minor_version("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some(96));
        assert_eq!(minor_version("rustc 1.63.0"), Some(63));
        assert_eq!(minor_version(""), None);
    }
}
