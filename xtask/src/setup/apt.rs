//! Debian packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{ask, command, on_path, run, say};

/// Installs packages as root or through sudo, never at the price of one that is there already.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if on_path("apt-get").is_none() {
        bail!("Debian's {names} would be installed now, but there is no apt-get here");
    }
    if !is_root() && on_path("sudo").is_none() {
        bail!("this takes root or sudo: as root, run `apt-get install {names}`, then try again");
    }
    say(&format!("installing from Debian: {names} (about a minute)"));
    update();
    let mut arguments =
        vec!["install", "--quiet", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages);
    as_root(&arguments).with_context(|| format!("Debian's {names} could not be installed"))
}

/// Unpacks a package's files into a folder, without installing it and without root.
pub(super) fn unpack(package: &str, folder: &Path) -> Result<()> {
    if on_path("apt-get").is_none() || on_path("dpkg-deb").is_none() {
        bail!("Debian's {package} would be unpacked now, but there is no apt-get here");
    }
    say(&format!("unpacking Debian's {package} into {}", folder.display()));
    let archives = folder.join("archives");
    let prepare = || fs::create_dir_all(&archives);
    prepare().with_context(|| format!("cannot make {}", archives.display()))?;
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
    // A package that asks a question would wait for an answer that nobody gives.
    run(command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments))
}

fn update() {
    if let Err(error) = as_root(&["update", "--quiet"]) {
        // One unreachable archive of several need not matter; the installation itself will tell.
        say(&format!("{error:#}; going on with the package lists as they are"));
    }
}
