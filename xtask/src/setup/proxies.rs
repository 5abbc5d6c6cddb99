//! nginx and Caddy, which the browser tests put in front of the server. Debian's packages are only
//! unpacked: installed, they would start servers of their own on this machine.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::apt;
use crate::paths::Workspace;
use crate::process::{ask, command, on_path};

/// Programs of proxies.
#[derive(Debug)]
pub(crate) struct Proxies {
    /// nginx's path.
    pub(crate) nginx: PathBuf,
    /// Caddy's path.
    pub(crate) caddy: PathBuf,
}

/// A proxy: how it is called, which variable names one's own, where Debian has it, and how it is asked
/// for its version.
struct Kind {
    name: &'static str,
    variable: &'static str,
    place: &'static str,
    version: &'static str,
}

const NGINX: Kind =
    Kind { name: "nginx", variable: "NGINX", place: "usr/sbin/nginx", version: "-v" };
const CADDY: Kind =
    Kind { name: "caddy", variable: "CADDY", place: "usr/bin/caddy", version: "version" };

/// Finds or unpacks both, and what makes certificates for them.
pub(crate) fn provide(workspace: &Workspace) -> Result<Proxies> {
    if on_path("openssl").is_none() {
        apt::install(&["openssl"]).context("the browser tests make certificates with openssl")?;
    }
    Ok(Proxies { nginx: find(workspace, &NGINX)?, caddy: find(workspace, &CADDY)? })
}

/// The program's path: what its variable says, else what is on PATH or where root has it, else what
/// Debian has.
fn find(workspace: &Workspace, kind: &Kind) -> Result<PathBuf> {
    let Kind { name, variable, .. } = kind;
    if let Some(chosen) = env::var_os(variable).map(PathBuf::from) {
        ensure!(chosen.is_file(), "{variable} is {}, which is no file", chosen.display());
        return Ok(chosen);
    }
    let system = PathBuf::from("/").join(kind.place);
    if let Some(found) = on_path(name).or_else(|| system.is_file().then_some(system)) {
        return Ok(found);
    }
    let help = || {
        format!(
            "the browser tests need {name}. Install it, or set {variable} to its path; \
             `cargo xtask test host` runs everything else"
        )
    };
    let folder = workspace.tools.join("debian");
    let program = folder.join(kind.place);
    let runs = || ask(command(&program).arg(kind.version)).is_some();
    if !runs() {
        apt::unpack(name, &folder).with_context(help)?;
        ensure!(runs(), "{} does not run; {}", program.display(), help());
    }
    Ok(program)
}
