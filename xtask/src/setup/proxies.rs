//! The proxies in front of the server in the browser tests. Debian's packages are only unpacked:
//! their installation would start servers on this machine.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::apt;
use super::plan::Missing;
use crate::paths::Workspace;
use crate::process::{ask, command, on_path};

/// The proxies, all of them installed.
#[derive(Debug)]
pub(crate) struct Proxies {
    /// The path of each, with the environment variable that tells it to the tests.
    pub(crate) programs: Vec<(&'static str, PathBuf)>,
    /// The folder with the libraries of unpacked programs.
    pub(crate) libraries: PathBuf,
}

/// A proxy, and where to find it.
struct Proxy {
    package: &'static str,
    program: &'static str,
    /// The environment variable with the path of the program to use.
    variable: &'static str,
    /// The path in the package.
    place: &'static str,
    /// The argument that prints the version.
    version_flag: &'static str,
    /// Packages with libraries that it may need: their names differ between Debian's releases.
    libraries: &'static [&'static str],
}

static PROXIES: [Proxy; 4] = [
    Proxy {
        package: "nginx",
        program: "nginx",
        variable: "NGINX",
        place: "usr/sbin/nginx",
        version_flag: "-v",
        libraries: &[],
    },
    Proxy {
        package: "caddy",
        program: "caddy",
        variable: "CADDY",
        place: "usr/bin/caddy",
        version_flag: "version",
        libraries: &[],
    },
    Proxy {
        package: "apache2-bin",
        program: "apache2",
        variable: "APACHE",
        place: "usr/sbin/apache2",
        version_flag: "-v",
        libraries: &["libapr1", "libaprutil1", "libapr1t64", "libaprutil1t64"],
    },
    Proxy {
        package: "haproxy",
        program: "haproxy",
        variable: "HAPROXY",
        place: "usr/sbin/haproxy",
        version_flag: "-v",
        libraries: &["liblua5.3-0", "liblua5.4-0", "libopentracing-c-wrapper0", "libopentracing1"],
    },
];

/// Returns the installations of the missing proxies, and of openssl.
pub(super) fn missing(workspace: &Workspace) -> Result<Vec<Missing<'_>>> {
    let mut missing = Vec::new();
    if on_path("openssl").is_none() {
        let purpose = "makes certificates for the browser tests";
        missing.push(Missing::debian("openssl", purpose, &["openssl"]));
    }
    let unpacked = Unpacked::new(workspace);
    for proxy in &PROXIES {
        if proxy.path()?.is_none() && !unpacked.runs(proxy) {
            let source = (format!("Debian's {}, unpacked", proxy.package), 5);
            let (unpacked, name) = (unpacked.clone(), proxy.program);
            let purpose = "proxies the server in the browser tests";
            missing.push(Missing::new(name, purpose, source, move || unpacked.install(proxy)));
        }
    }
    Ok(missing)
}

/// Finds all proxies: the program that the variable names, else one on PATH or where root has it,
/// else Debian's.
pub(crate) fn find(workspace: &Workspace) -> Result<Proxies> {
    let Unpacked { folder, libraries } = Unpacked::new(workspace);
    let mut programs = Vec::new();
    for proxy in &PROXIES {
        let path = proxy.path()?.unwrap_or_else(|| folder.join(proxy.place));
        programs.push((proxy.variable, path));
    }
    Ok(Proxies { programs, libraries })
}

impl Proxy {
    fn path(&self) -> Result<Option<PathBuf>> {
        if let Some(chosen) = env::var_os(self.variable).map(PathBuf::from) {
            ensure!(
                chosen.is_file(),
                "{} is {}, which is no file",
                self.variable,
                chosen.display()
            );
            return Ok(Some(chosen));
        }
        let system = Path::new("/").join(self.place);
        Ok(on_path(self.program).or_else(|| system.is_file().then_some(system)))
    }
}

/// The folder of the unpacked packages.
#[derive(Clone)]
struct Unpacked {
    folder: PathBuf,
    libraries: PathBuf,
}

impl Unpacked {
    fn new(workspace: &Workspace) -> Self {
        let folder = workspace.tools.join("debian");
        let libraries = folder.join("usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH));
        Self { folder, libraries }
    }

    fn runs(&self, proxy: &Proxy) -> bool {
        let mut program = command(self.folder.join(proxy.place));
        program.arg(proxy.version_flag).env("LD_LIBRARY_PATH", &self.libraries);
        ask(&mut program).is_some()
    }

    fn install(&self, proxy: &Proxy) -> Result<()> {
        apt::unpack(proxy.package, &self.folder)?;
        for library in proxy.libraries {
            if !self.runs(proxy) && apt::has(library) {
                apt::unpack(library, &self.folder)?;
            }
        }
        let Proxy { program, variable, .. } = proxy;
        ensure!(
            self.runs(proxy),
            "Debian's {program} does not run. Install it, or set {variable} to its path; \
             `cargo xtask test host` runs the tests that need no proxy"
        );
        Ok(())
    }
}
