//! Debian packages.

use anyhow::{Context, Result, bail};

use crate::process::{ask, command, on_path, run, say};

/// Installs packages as root or through sudo, never at the price of one that is there already.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if on_path("apt-get").is_none() {
        bail!("Debian's {names} would be installed now, but there is no apt-get here");
    }
    let root = ask(command("id").arg("-u")).as_deref() == Some("0");
    if !root && on_path("sudo").is_none() {
        bail!("this takes root or sudo: as root, run `apt-get install {names}`, then try again");
    }
    let apt = |arguments: &[&str]| {
        let mut command = command(if root { "env" } else { "sudo" });
        if !root {
            command.arg("env");
        }
        // A package that asks a question would wait for an answer that nobody gives.
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        run(&mut command)
    };
    say(&format!("installing from Debian: {names} (about a minute)"));
    if let Err(error) = apt(&["update", "--quiet"]) {
        // One unreachable archive of several need not matter; the installation itself will tell.
        say(&format!("{error:#}; going on with the package lists as they are"));
    }
    let mut arguments =
        vec!["install", "--quiet", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages);
    apt(&arguments).with_context(|| format!("Debian's {names} could not be installed"))
}
