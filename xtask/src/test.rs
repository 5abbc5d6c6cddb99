//! `cargo xtask test`: all checks and tests, in order, up to the first that fails.

mod counts;
mod report;

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use self::report::Report;
use crate::paths::Workspace;
use crate::process::{command, run as run_program, run_and_read};
use crate::setup::cargo_tool::CargoTool;
use crate::setup::{self, Toolset, browsers, node, path_with, proxies, python};
use crate::{deny, dist, fuzz, hostile, tidy};

/// Packages of which at least one test must run.
const TESTED: [&str; 3] = ["xmeet-shared", "xmeet-server", "xmeet-web"];

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    All,
    /// Tests that need neither a browser nor the compiled web client.
    Host,
    /// Tests in browsers.
    Browser,
}

impl Part {
    /// Reads the argument of `cargo xtask test`.
    pub(crate) fn from_arguments(arguments: &[OsString]) -> Result<Self> {
        match arguments.iter().map(|argument| argument.to_str()).collect::<Vec<_>>()[..] {
            [] => Ok(Self::All),
            [Some("host")] => Ok(Self::Host),
            [Some("browser")] => Ok(Self::Browser),
            _ => bail!("`cargo xtask test` takes no argument, `host` or `browser`"),
        }
    }

    fn toolsets(self) -> &'static [Toolset] {
        match self {
            Self::All => setup::ALL,
            Self::Host => &[Toolset::Host, Toolset::Deny, Toolset::Fuzz],
            Self::Browser => &[Toolset::Client, Toolset::Browser],
        }
    }
}

/// Installs missing tools, runs the tests, and prints a summary.
pub(crate) fn run(workspace: &Workspace, part: Part) -> Result<()> {
    let mut report = Report::default();
    let outcome = run_parts(workspace, part, &mut report);
    report.print();
    outcome?;
    println!("\nall: {} passed, 0 failed", report.passed());
    Ok(())
}

fn run_parts(workspace: &Workspace, part: Part, report: &mut Report) -> Result<()> {
    report.check("set-up", || setup::install(workspace, part.toolsets()))?;
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
    report.check("formatting", || {
        run_program(cargo(workspace).args(["fmt", "--all", "--check"]))
            .context("the formatting differs: run `cargo fmt --all`")
    })?;
    report.check("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run_program(cargo(workspace).args(clippy))
    })?;
    report.check("dependencies", || deny::run(workspace))
}

/// The Rust tests, documentation examples last.
fn host(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let nextest = CargoTool::nextest().find(workspace);
    let results = workspace.target.join("nextest/default/junit.xml");
    // The results of an earlier run must not count.
    if results.exists() {
        fs::remove_file(&results).context("cannot remove the last run's results")?;
    }
    report.group(|| {
        let mut cargo = cargo(workspace);
        cargo.env("PATH", path_with(nextest.as_slice())?);
        run_program(cargo.args(["nextest", "run", "--workspace", "--locked"]))?;
        let results = fs::read_to_string(&results)
            .with_context(|| format!("nextest created no {}", results.display()))?;
        let packages = counts::of_junit(&results);
        for package in TESTED {
            let has_run = packages.get(package).is_some_and(|count| *count > 0);
            ensure!(has_run, "no test of the package {package} was run");
        }
        Ok(packages.into_iter().collect())
    })?;
    report.tests("doc examples", || {
        let mut cargo = cargo(workspace);
        // The whole workspace, so that cargo reuses what nextest compiled.
        cargo.args(["test", "--doc", "--workspace", "--locked"]);
        let count = counts::of_cargo_test(&run_and_read(&mut cargo)?);
        ensure!(count > 0, "no doc example was run");
        Ok(count)
    })?;
    report.tests("fuzz targets", || fuzz::shortly(workspace))
}

/// The tests in browsers, against the finished binary, and those with clients of other projects.
fn browser(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let folder = node::tests(workspace);
    let (chromium, firefox) = (browsers::CHROMIUM.find()?, browsers::FIREFOX.find()?);
    let (proxies, python) = (proxies::find(workspace)?, python::find(workspace)?);
    report.check("build", || dist::run(workspace))?;
    report.check("echo server", || {
        let echo = ["build", "--package", "xmeet-server", "--example", "echo", "--locked"];
        run_program(cargo(workspace).args(echo))
    })?;
    report.check("hostile run", || hostile::shortly(workspace))?;
    let run = |script: &str| {
        let mut npm = command("npm");
        npm.current_dir(&workspace.root);
        npm.args(["run", script, "--prefix"]).arg(&folder);
        npm.env("XMEET_BIN", workspace.server()).env("XMEET_ECHO", workspace.echo());
        npm.env("CHROMIUM", &chromium).env("FIREFOX", &firefox).env("XMEET_PYTHON", &python);
        npm.envs(proxies.programs.clone()).env("PROXY_LIBRARIES", &proxies.libraries);
        let count = counts::of_browser_tests(&run_and_read(&mut npm)?);
        let count = count.context("the output of the browser tests has no count")?;
        ensure!(count > 0, "no browser test was run");
        Ok(count)
    };
    report.tests("browser", || run("test"))?;
    report.tests("browser, in Firefox", || run("test:firefox"))
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = command("cargo");
    cargo.current_dir(&workspace.root);
    cargo
}
