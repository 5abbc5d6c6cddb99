//! A linker for WebAssembly, which Debian's rustc lacks.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::apt;
use crate::process::{ask, command};

/// Debian's packages of it, the newest first.
const PACKAGES: [&str; 2] = ["lld-22", "lld"];

/// Returns the linker of the active Rust toolchain, else the newest on PATH.
pub(super) fn find() -> Option<PathBuf> {
    of_rust().or_else(newest_on_path)
}

/// Installs one from Debian.
pub(super) fn install() -> Result<()> {
    let is_installed =
        PACKAGES.iter().any(|package| apt::install(&[package]).is_ok() && find().is_some());
    ensure!(is_installed, "there is no linker for WebAssembly: `wasm-ld` has to be on PATH");
    Ok(())
}

/// rustup's toolchains contain a linker, which also works for another rustc.
fn of_rust() -> Option<PathBuf> {
    let sysroot = ask(command("rustc").args(["--print", "sysroot"]))?;
    let about = ask(command("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "))?;
    let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    linker.is_file().then_some(linker)
}

fn newest_on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).filter_map(|folder| folder.read_dir().ok());
    let found = folders.flatten().flatten().filter_map(|entry| {
        let age = rank(entry.file_name().to_str()?)?;
        Some((age, entry.path()))
    });
    found.max().map(|(_, path)| path)
}

/// Ranks `wasm-ld-22` over `wasm-ld-14` over a plain `wasm-ld`, whose version is unknown.
fn rank(name: &str) -> Option<u32> {
    match name.strip_prefix("wasm-ld")? {
        "" => Some(0),
        rest => rest.strip_prefix('-')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn the_newest_linker_ranks_highest() {
        assert!(rank("wasm-ld-22") > rank("wasm-ld-14"));
        assert!(rank("wasm-ld-14") > rank("wasm-ld"));
        assert_eq!(rank("wasm-ldx"), None);
        assert_eq!(rank("lld"), None);
    }
}
