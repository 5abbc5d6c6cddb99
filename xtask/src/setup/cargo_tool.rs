//! Tools that are compiled by `cargo install`, each version into a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::process::{ask, command, run, say};

/// A tool and the version of it that is wanted.
pub(crate) struct CargoTool<'a> {
    /// The package, as `cargo install` knows it.
    pub(crate) package: &'a str,
    /// The program it installs.
    pub(crate) program: &'a str,
    /// The version, as in `0.21.14`.
    pub(crate) version: &'a str,
    /// How long compiling it takes on two cores.
    pub(crate) takes: &'a str,
}

impl CargoTool<'_> {
    /// Returns the folder to put before PATH, or nothing where PATH has the version already.
    pub(crate) fn provide(&self, workspace: &Workspace) -> Result<Option<PathBuf>> {
        if self.is_at(Path::new(self.program)) {
            return Ok(None);
        }
        let folder = workspace.tools.join(format!("{}-{}", self.package, self.version));
        let bin = folder.join("bin");
        if !self.is_at(&bin.join(self.program)) {
            say(&format!("compiling {} {} ({})", self.package, self.version, self.takes));
            self.install(&folder).with_context(|| {
                format!(
                    "{package} {version} is needed and could not be compiled. With another way to \
                     it, put `{program}` {version} on PATH",
                    package = self.package,
                    version = self.version,
                    program = self.program
                )
            })?;
        }
        Ok(Some(bin))
    }

    /// As [`Self::provide`], for a subcommand of cargo: the machine's own is taken at any version.
    pub(crate) fn provide_subcommand(&self, workspace: &Workspace) -> Result<Option<PathBuf>> {
        let name = self.program.strip_prefix("cargo-").unwrap_or(self.program);
        if ask(command("cargo").args([name, "--version"])).is_some() {
            return Ok(None);
        }
        self.provide(workspace)
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let install = |lock: &[&str]| {
            let mut cargo = command("cargo");
            // `--force` replaces a damaged installation, which cargo would take for a good one.
            cargo.args(["install", self.package, "--version", self.version, "--force"]);
            // Whole-program optimisation, which trunk asks for, takes minutes and saves no time here.
            cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
            cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
            cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            run(cargo.args(lock).arg("--root").arg(folder))
        };
        install(&["--locked"]).or_else(|error| {
            // A mirror may lack one of the very versions the author of the tool built with.
            say(&format!("{error:#}"));
            say("trying again with the newest versions of what it depends on");
            install(&[])
        })
    }

    fn is_at(&self, program: &Path) -> bool {
        let answer = ask(command(program).arg("--version")).unwrap_or_default();
        version_in(&answer) == Some(self.version)
    }
}

/// The version in an answer such as `wasm-bindgen 0.2.130` or `cargo-nextest 0.9.143 (60fa45f63)`.
fn version_in(answer: &str) -> Option<&str> {
    answer.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn reads_versions() {
        assert_eq!(version_in("trunk 0.21.14"), Some("0.21.14"));
        assert_eq!(version_in("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\n"), Some("0.9.143"));
        assert_eq!(version_in(""), None);
    }
}
