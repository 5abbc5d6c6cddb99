//! `cargo xtask dist`: the finished server with the web client inside, needing nothing beside it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::paths::Workspace;
use crate::process::{ask, command, run as run_program, say};

/// Builds it and says how large it is, and whether it needs a C library.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    let server = workspace.server();
    let bytes = fs::metadata(&server)
        .with_context(|| format!("the build left no {}", server.display()))?
        .len();
    let linked = if has_static_libc() {
        ensure!(is_static(&server), "{} was to be static and is not", server.display());
        ", static"
    } else {
        ""
    };
    say(&format!("{}: {:.1} MB{linked}", server.display(), bytes as f64 / 1e6));
    Ok(())
}

/// Builds the client if need be, and the server; cargo knows whether that has changed.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    client::build(workspace)?;
    if !workspace.server().exists() {
        say("building the server (2 to 5 minutes the first time)");
    }
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["rustc", "--release", "--package", "xmeet-server", "--bin", "xmeet"]);
    if has_static_libc() {
        // For the program alone. As RUSTFLAGS it would be for macros too, which cannot be static, and
        // everything would be compiled once more, for a target of its own.
        cargo.args(["--", "-C", "target-feature=+crt-static"]);
    } else if cfg!(target_os = "linux") {
        say("there is no libc.a to link with: the server will need this system's C library");
    }
    run_program(&mut cargo).context("the server could not be built")
}

/// Whether there is what a static program on Linux takes: Debian's libc6-dev has it, without which
/// nothing can be linked there; other systems have a package of its own.
fn has_static_libc() -> bool {
    // The bare name comes back where there is none.
    let path = ask(command("cc").arg("-print-file-name=libc.a"));
    cfg!(target_os = "linux") && path.is_some_and(|path| Path::new(&path).is_absolute())
}

/// Asks as `ldd` does: by this variable the loader, which a static program has not, lists libraries
/// and does not run the program.
fn is_static(server: &Path) -> bool {
    let said = ask(command(server).arg("--version").env("LD_TRACE_LOADED_OBJECTS", "1"));
    said.is_some_and(|said| said.starts_with("xmeet "))
}
