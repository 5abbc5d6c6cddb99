//! Debian packages.

use std::fs;
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{ask, command, on_path, run, say};

/// Installs packages, as root or through sudo. Installed packages are never removed for them.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if on_path("apt-get").is_none() {
        bail!(
            "Debian's packages {names} are needed, and there is no apt-get: install them by hand"
        );
    }
    if !is_root() && on_path("sudo").is_none() {
        bail!("this takes root or sudo: as root, run `apt-get install {names}`, then try again");
    }
    update();
    let mut arguments =
        vec!["install", "--quiet", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages);
    as_root(&arguments).with_context(|| format!("Debian's {names} could not be installed"))
}

/// Returns whether this release of Debian has a package.
pub(super) fn has(package: &str) -> bool {
    ask(command("apt-cache").args(["show", "--no-all-versions", package])).is_some()
}

/// Unpacks a package into a folder, without installing it and without root.
pub(super) fn unpack(package: &str, folder: &Path) -> Result<()> {
    if on_path("apt-get").is_none() || on_path("dpkg-deb").is_none() {
        bail!("Debian's package {package} is needed, and there is no apt-get to download it");
    }
    let archives = folder.join("archives");
    fs::create_dir_all(&archives).with_context(|| format!("cannot make {}", archives.display()))?;
    let download = || {
        let mut apt = command("apt-get");
        run(apt.current_dir(&archives).args(["download", "--quiet", package]))
    };
    download().or_else(|error| {
        say(&format!("{error:#}; trying again with new package lists"));
        update();
        download()
    })?;
    let prefix = format!("{package}_");
    let found = fs::read_dir(&archives)?.flatten().map(|entry| entry.path());
    let mut found = found.filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    });
    let archive = found.next();
    ensure!(archive.is_some(), "apt-get left no {package} in {}", archives.display());
    run(command("dpkg-deb").arg("--extract").args(archive).arg(folder))?;
    fs::remove_dir_all(&archives).with_context(|| format!("cannot remove {}", archives.display()))
}

fn is_root() -> bool {
    ask(command("id").arg("-u")).as_deref() == Some("0")
}

fn as_root(arguments: &[&str]) -> Result<()> {
    let mut command = command(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        command.arg("env");
    }
    // Otherwise a package that asks a question would wait for an answer.
    run(command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments))
}

/// Reads the package lists anew, once in each run.
fn update() {
    static UPDATE: Once = Once::new();
    UPDATE.call_once(|| {
        if let Err(error) = as_root(&["update", "--quiet"]) {
            // Perhaps only one of several archives is out of reach; the installation will tell.
            say(&format!("{error:#}; going on with the package lists as they are"));
        }
    });
}
