//! Tools that `cargo install` compiles, each version into a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::plan::Missing;
use crate::paths::Workspace;
use crate::pins::Pins;
use crate::process::{ask, command, on_path, run, say};

/// A tool and how it is compiled.
pub(crate) struct CargoTool {
    /// The package, as `cargo install` knows it.
    package: &'static str,
    /// The program that the package installs.
    pub(super) program: &'static str,
    /// The version to install, as in `0.21.14`.
    pub(super) version: String,
    /// The purpose of the tool.
    purpose: &'static str,
    /// Further arguments of `cargo install`.
    arguments: &'static [&'static str],
    /// How long compiling it takes on two cores.
    seconds: u32,
}

impl CargoTool {
    /// The bundler of the web client, in the version of `Trunk.toml`.
    pub(super) fn trunk(pins: &Pins) -> Self {
        Self {
            // trunk downloads nothing here, so it needs neither TLS nor its check for updates.
            arguments: &["--no-default-features"],
            ..Self::new("trunk", &pins.trunk, "bundles the web client", 150)
        }
    }

    /// The writer of the JavaScript around the web client. The program must be the version of the
    /// library in `Cargo.lock`.
    pub(super) fn wasm_bindgen(pins: &Pins) -> Self {
        let purpose = "connects the web client to JavaScript";
        Self {
            program: "wasm-bindgen",
            arguments: &["--bin", "wasm-bindgen"],
            ..Self::new("wasm-bindgen-cli", &pins.wasm_bindgen, purpose, 75)
        }
    }

    /// The test runner.
    pub(crate) fn nextest() -> Self {
        Self::new("cargo-nextest", "0.9.143", "runs the Rust tests", 240)
    }

    /// The checker of dependencies.
    pub(crate) fn deny() -> Self {
        Self::new("cargo-deny", "0.20.2", "checks the dependencies", 180)
    }

    /// The builder of the fuzz targets.
    pub(crate) fn fuzz() -> Self {
        Self::new("cargo-fuzz", "0.13.2", "builds the fuzz targets", 40)
    }

    fn new(package: &'static str, version: &str, purpose: &'static str, seconds: u32) -> Self {
        let version = version.to_owned();
        Self { package, program: package, version, purpose, arguments: &[], seconds }
    }

    /// Returns the step that installs the tool, if missing.
    pub(super) fn missing(self, workspace: &Workspace) -> Option<Missing<'_>> {
        let folder = self.folder(workspace);
        if self.is_on_path() || self.has_version(&folder.join("bin").join(self.program)) {
            return None;
        }
        let name = format!("{} {}", self.package, self.version);
        let source = ("compiled by `cargo install`", self.seconds);
        Some(Missing::new(name, self.purpose, source, move || self.install(&folder)))
    }

    /// Returns the folder to put before PATH, or `None` if the tool is on PATH already.
    pub(crate) fn find(&self, workspace: &Workspace) -> Option<PathBuf> {
        (!self.is_on_path()).then(|| self.folder(workspace).join("bin"))
    }

    fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools.join(format!("{}-{}", self.package, self.version))
    }

    /// Returns whether the tool is on PATH: a subcommand of cargo in any version, another tool in the pinned one.
    fn is_on_path(&self) -> bool {
        match self.program.strip_prefix("cargo-") {
            Some(name) => ask(command("cargo").args([name, "--version"])).is_some(),
            None => self.has_version(Path::new(self.program)),
        }
    }

    /// Returns whether a program has the pinned version.
    fn has_version(&self, program: &Path) -> bool {
        let output = ask(command(program).arg("--version")).unwrap_or_default();
        version_in(&output) == Some(&self.version)
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let install = |lock: &[&str]| {
            let mut cargo = command("cargo");
            // `--force` replaces a damaged installation, which cargo would not notice.
            cargo.args(["install", self.package, "--version", &self.version, "--force"]);
            // With a separate build folder, the installation does not wait for the build of the server.
            cargo.env_remove("CARGO_TARGET_DIR");
            // Optimising a tool would take longer than the tool's work in this project.
            cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
            cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
            cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            run(cargo.args(self.arguments).args(lock).arg("--root").arg(folder))
        };
        let installed = install(&["--locked"]).or_else(|error| {
            // A mirror may lack a version in the tool's own Cargo.lock.
            say(&format!("{error:#}"));
            say("trying again with the newest versions of the tool's dependencies");
            install(&[])
        });
        installed
            .with_context(|| format!("otherwise, put `{}` {} on PATH", self.program, self.version))
    }
}

/// Returns the installation of a C++ compiler, which the fuzzer needs, if there is none.
pub(super) fn missing_cxx() -> Option<Missing<'static>> {
    let has_compiler = ["c++", "g++", "clang++"].iter().any(|name| on_path(name).is_some());
    (!has_compiler).then(|| Missing::debian("a C++ compiler", "compiles the fuzzer", &["g++"]))
}

/// Returns the installation of make, which builds the server's allocator, if it is missing.
pub(super) fn missing_make() -> Option<Missing<'static>> {
    let has_make = ["make", "gmake"].iter().any(|name| on_path(name).is_some());
    (!has_make).then(|| Missing::debian("make", "builds the server's allocator", &["make"]))
}

/// Returns the version in the output of `--version`, such as `wasm-bindgen 0.2.130` or `cargo-nextest 0.9.143 (60fa45f63)`.
fn version_in(output: &str) -> Option<&str> {
    output.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn version_is_the_second_word() {
        assert_eq!(version_in("trunk 0.21.14"), Some("0.21.14"));
        assert_eq!(version_in("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\n"), Some("0.9.143"));
        assert_eq!(version_in(""), None);
    }
}
