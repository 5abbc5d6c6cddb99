//! `cargo xtask test`: every check and every kind of test, in order, up to the first that fails.

mod counts;
mod report;

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use self::report::Report;
use crate::paths::Workspace;
use crate::process::{command, run as run_program, run_and_read};
use crate::setup::{chromium, components, nextest, node, path_with, proxies};
use crate::{deny, dist, fuzz, hostile, tidy};

/// Packages that must not be without tests. A suite that runs nothing proves nothing.
const TESTED: [&str; 3] = ["xmeet-shared", "xmeet-server", "xmeet-web"];

/// Which of the tests are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    All,
    /// Those that need no browser and no compiled web client.
    Host,
    /// Those in a browser.
    Browser,
}

impl Part {
    /// Reads what stands after `cargo xtask test`.
    pub(crate) fn from_arguments(arguments: &[OsString]) -> Result<Self> {
        match arguments.iter().map(|argument| argument.to_str()).collect::<Vec<_>>()[..] {
            [] => Ok(Self::All),
            [Some("host")] => Ok(Self::Host),
            [Some("browser")] => Ok(Self::Browser),
            _ => bail!("`cargo xtask test` takes nothing, `host` or `browser`"),
        }
    }
}

/// Runs them and ends with a summary of what ran.
pub(crate) fn run(workspace: &Workspace, part: Part) -> Result<()> {
    let mut report = Report::default();
    let outcome = run_parts(workspace, part, &mut report);
    report.print();
    outcome?;
    println!("\nall: {} passed, 0 failed", report.passed());
    Ok(())
}

fn run_parts(workspace: &Workspace, part: Part, report: &mut Report) -> Result<()> {
    if part != Part::Browser {
        report.check("tidy", || tidy::run(workspace))?;
        checks(workspace, report)?;
        host(workspace, report)?;
    }
    if part != Part::Host {
        browser(workspace, report)?;
    }
    Ok(())
}

/// Formatting, then clippy with warnings as errors.
fn checks(workspace: &Workspace, report: &mut Report) -> Result<()> {
    report.check("set-up", components::provide)?;
    report.check("formatting", || {
        run_program(cargo(workspace).args(["fmt", "--all", "--check"]))
            .context("the formatting differs; `cargo fmt --all` puts it right")
    })?;
    report.check("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run_program(cargo(workspace).args(clippy))
    })?;
    report.check("dependencies", || deny::run(workspace))
}

/// The Rust tests, documentation examples last.
fn host(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let nextest = report.check("set-up", || nextest::provide(workspace))?;
    let results = workspace.target.join("nextest/default/junit.xml");
    // One that an earlier run left must not speak for this one.
    if results.exists() {
        fs::remove_file(&results).context("cannot remove the last run's results")?;
    }
    report.group(|| {
        let mut cargo = cargo(workspace);
        cargo.env("PATH", path_with(nextest.as_slice())?);
        run_program(cargo.args(["nextest", "run", "--workspace", "--locked"]))?;
        let results = fs::read_to_string(&results)
            .with_context(|| format!("nextest left no {}", results.display()))?;
        let packages = counts::of_junit(&results);
        for package in TESTED {
            let ran = packages.get(package).is_some_and(|count| *count > 0);
            ensure!(ran, "no test of the package {package} was run");
        }
        Ok(packages.into_iter().collect())
    })?;
    report.tests("doc examples", || {
        let mut cargo = cargo(workspace);
        // The whole workspace, so that what nextest compiled is good for it too.
        cargo.args(["test", "--doc", "--workspace", "--locked"]);
        let ran = counts::of_cargo_test(&run_and_read(&mut cargo)?);
        ensure!(ran > 0, "no doc example was run");
        Ok(ran)
    })?;
    report.tests("fuzz targets", || fuzz::shortly(workspace))
}

/// The tests in a browser, of the very binary that people get.
fn browser(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let folder = node::tests(workspace)?;
    let (chromium, proxies) = report.check("set-up", || {
        node::provide(workspace)?;
        Ok((chromium::provide()?, proxies::provide(workspace)?))
    })?;
    report.check("build", || dist::run(workspace))?;
    report.check("hostile run", || hostile::shortly(workspace))?;
    report.tests("browser", || {
        let mut npm = command("npm");
        npm.current_dir(&workspace.root);
        npm.arg("test").arg("--prefix").arg(&folder);
        npm.env("XMEET_BIN", workspace.server()).env("CHROMIUM", &chromium);
        npm.env("NGINX", &proxies.nginx).env("CADDY", &proxies.caddy);
        let count = counts::of_node(&run_and_read(&mut npm)?);
        let count = count.context("the browser tests did not say how many of them ran")?;
        ensure!(count > 0, "no browser test was run");
        Ok(count)
    })
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo
}
