//! `cargo xtask dist`: the finished server, with the web client inside.

mod page_load;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::paths::Workspace;
use crate::process::{ask, command, run as run_program, say};

/// Builds the release binary, and prints its size, the bytes of the web client, and whether it is static.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    let server = workspace.server();
    let bytes = fs::metadata(&server)
        .with_context(|| format!("the build created no {}", server.display()))?
        .len();
    page_load::print(workspace)?;
    let linked = if has_static_libc() {
        ensure!(is_static(&server), "{} is not static", server.display());
        ", static"
    } else {
        ""
    };
    say(&format!("{}: {:.1} MB{linked}", server.display(), bytes as f64 / 1e6));
    Ok(())
}

/// The first build of the server's dependencies. It runs beside the set-up and the build of the client,
/// whose last steps use one core only.
pub(crate) struct Ahead(Option<Child>);

impl Ahead {
    /// Starts the build, if there is no server yet.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        if workspace.server().exists() {
            return Ok(Self(None));
        }
        say("compiling the server's dependencies in the background");
        let mut cargo = command("cargo");
        cargo.current_dir(&workspace.root);
        cargo.args(["build", "--release", "--package", "xmeet-server", "--lib", "--quiet"]);
        // The build of the server shows the same errors.
        cargo.stdin(Stdio::null()).stderr(Stdio::null());
        Ok(Self(Some(cargo.spawn().context("cargo cannot be started")?)))
    }

    fn wait(mut self) -> Result<()> {
        if let Some(mut build) = self.0.take() {
            build.wait().context("waiting for cargo failed")?;
        }
        Ok(())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(build) = &mut self.0 {
            // Both calls fail only if the process has already ended.
            let _ = build.kill();
            let _ = build.wait();
        }
    }
}

/// Builds the client, if it has changed, and the server.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_after(workspace, Ahead::start(workspace)?)
}

/// Builds as [`build`] does, with the dependencies that were started before.
pub(crate) fn build_after(workspace: &Workspace, ahead: Ahead) -> Result<()> {
    client::build(workspace, client::Kind::Finished)?;
    ahead.wait()?;
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["rustc", "--release", "--package", "xmeet-server", "--bin", "xmeet"]);
    if has_static_libc() {
        // In RUSTFLAGS the flag would also apply to macros, which cannot be static, and cargo would compile
        // all dependencies again.
        cargo.args(["--", "-C", "target-feature=+crt-static"]);
    } else if cfg!(target_os = "linux") {
        say("there is no libc.a to link with: the server will need this system's C library");
    }
    run_program(&mut cargo).context("the server could not be built")
}

/// Returns whether this is Linux and `libc.a` is installed. Debian has the file in libc6-dev, which linking
/// needs anyway; other distributions have a separate package.
fn has_static_libc() -> bool {
    // The compiler prints the bare name if there is no such file.
    let path = ask(command("cc").arg("-print-file-name=libc.a"));
    cfg!(target_os = "linux") && path.is_some_and(|path| Path::new(&path).is_absolute())
}

/// Returns whether a program is static, by the method of `ldd`: with this variable, the loader lists the
/// libraries instead of running the program. A static program has no loader, so it runs.
fn is_static(server: &Path) -> bool {
    let output = ask(command(server).arg("--version").env("LD_TRACE_LOADED_OBJECTS", "1"));
    output.is_some_and(|output| output.starts_with("xmeet "))
}
