//! A Rust that compiles for WebAssembly: rustup's target, or Debian's toolchain where rustup's
//! server is out of reach.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::plan::Missing;
use super::{WebTools, debian_rust, linker, small_std};
use crate::process::{ask, command, on_path, run_within, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// How long the download of 20 MB may take, before the server counts as out of reach.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// The Rust that compiles the client.
enum Compiler {
    /// The active toolchain, with the compiled standard library of the target.
    Target,
    /// Debian's toolchain, with the sources of the standard library.
    Debian,
    /// The active toolchain, with the sources of the standard library.
    Sources,
}

/// Returns the installations of the compiler, the standard library's sources and a linker, where
/// they are missing.
///
/// # Errors
/// If there is no Rust that compiles for WebAssembly, and no rustup.
pub(super) fn missing() -> Result<Vec<Missing<'static>>> {
    let purpose = "compiles the web client";
    Ok(match compiler() {
        Some(Compiler::Target) => small_std::missing().into_iter().collect(),
        Some(Compiler::Debian | Compiler::Sources) if linker::find().is_some() => Vec::new(),
        Some(Compiler::Debian | Compiler::Sources) => {
            vec![Missing::new("wasm-ld", "links the web client", ("Debian", 60), linker::install)]
        }
        None if on_path("rustup").is_some() => {
            let name = format!("Rust's target {TARGET}");
            let source = ("rustup; else Debian's rustc-web", 30);
            vec![Missing::new(name, purpose, source, install), small_std::planned()]
        }
        None => bail!(
            "this Rust cannot compile for {TARGET}, and there is no rustup to add it with. Install \
             your distribution's package for that target or of the library sources (on Debian \
             `rust-web-src`, together with `rustc-web` and `cargo-web`), or install rustup"
        ),
    })
}

/// Sets the web build up for the compiler.
///
/// # Errors
/// If there is none.
pub(super) fn find(tools: &mut WebTools) -> Result<()> {
    let compiler = compiler().context("there is no Rust compiler for WebAssembly")?;
    let rustc = match compiler {
        Compiler::Target => {
            tools.versions.push(format!("rust: {}", rustc_version("rustc")));
            if small_std::has_sources() {
                small_std::shrink(tools, &rustc_version("rustc"));
            }
            return Ok(());
        }
        Compiler::Debian => {
            tools.set("RUSTUP_TOOLCHAIN", debian_rust::TOOLCHAIN);
            debian_rust::RUSTC
        }
        Compiler::Sources => "rustc",
    };
    // cargo compiles the standard library, once for each build folder; it takes 30 s.
    tools.set("RUSTC_BOOTSTRAP", "1");
    tools.set("CARGO_UNSTABLE_BUILD_STD", small_std::CRATES);
    small_std::shrink(tools, &rustc_version(rustc));
    let linker = linker::find().context("there is no linker for WebAssembly")?;
    tools.set("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    tools.versions.push(format!("rust: {}, standard library from source", rustc_version(rustc)));
    Ok(())
}

/// Returns the first compiler that is installed.
fn compiler() -> Option<Compiler> {
    if has_target() {
        Some(Compiler::Target)
    } else if on_path("rustup").is_some() {
        debian_rust::is_linked().then_some(Compiler::Debian)
    } else {
        small_std::has_sources().then_some(Compiler::Sources)
    }
}

/// Asks rustup for the target, and Debian for a toolchain if rustup fails.
fn install() -> Result<()> {
    let mut add = command("rustup");
    match run_within(add.args(["target", "add", TARGET]), RUSTUP_LIMIT) {
        Ok(()) if has_target() => return Ok(()),
        Ok(()) => say("rustup added the target to another toolchain than the active one"),
        Err(error) => say(&format!("rustup could not add it: {error:#}")),
    }
    say("instead, Debian's Rust will compile the web client and its standard library");
    debian_rust::install()?;
    if linker::find().is_none() {
        linker::install()?;
    }
    ensure!(debian_rust::is_linked(), "rustup does not list the toolchain of Debian's Rust");
    Ok(())
}

pub(super) fn has_target() -> bool {
    let folder = ask(command("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn rustc_version(rustc: &str) -> String {
    ask(command(rustc).arg("--version")).unwrap_or_else(|| "unknown".to_owned())
}
