//! The project's own commands, `cargo xtask <command>`. This file reads the command line.

mod amount;
mod bench;
mod client;
mod crash;
mod deny;
mod dev;
mod dist;
mod fuzz;
mod hostile;
mod paths;
mod pins;
mod process;
mod run;
mod setup;
mod stamp;
mod test;
mod tidy;
mod trunk;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::paths::Workspace;
use crate::setup::Toolset;

const USAGE: &str = "\
Usage: cargo xtask <command>

  run [ARGS...]       build the server with the web client, and start it with ARGS
  dist                build the release binary, target/release/xmeet; on Linux it is static
  dev                 build an unoptimised binary for browser tests, target/debug/xmeet
  test [host|browser] run all checks and tests, or those without or with a browser
  crash [ROUNDS]      run the crash test: `kill -9` under load, ROUNDS times (100)
  fuzz [SECONDS]      run the fuzz targets, SECONDS each (520)
  hostile [SECONDS]   attack the release binary with 5,000 clients for SECONDS (300)
  deny                check licences, duplicates, sources and advisories of the dependencies
  bench [ARGS...]     measure the cost of a delivery, into docs/bench; ARGS as in `xmeet-bench run`
  trunk ARGS...       run trunk with the project's tools, for example `trunk serve`
  setup               install the tools that the commands above need
  tidy                check layers, file sizes, documents and the names of tests in them
  help                print this text

`run` and `test` first print which of their tools are missing, and install them. `setup` installs the
tools of all commands. No other command installs anything.
Tools are in $XMEET_TOOLS_DIR; the default is ~/.cache/xmeet/tools.";

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command that the command line names.
fn dispatch() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let Some(command) = arguments.next() else {
        bail!("no command was given.\n\n{USAGE}");
    };
    let rest: Vec<_> = arguments.collect();
    let workspace = Workspace::find()?;
    setup::require(&workspace, toolsets(command.to_str().unwrap_or_default()))?;
    match command.to_str() {
        // These commands pass all further arguments on, including `--help`.
        Some("run") => return run::run(&workspace, &rest),
        Some("bench") => return bench::run(&workspace, &rest),
        Some("hostile") => return hostile::run(&workspace, hostile::seconds(&rest)?),
        Some("trunk") => return trunk::run(&workspace, &rest),
        Some("test") => test::run(&workspace, test::Part::from_arguments(&rest)?)?,
        Some("crash") => crash::run(&workspace, crash::rounds(&rest)?)?,
        Some("fuzz") => drop(fuzz::run(&workspace, fuzz::seconds(&rest)?)?),
        Some("help" | "--help" | "-h") => println!("{USAGE}"),
        Some(name @ ("deny" | "dev" | "dist" | "setup" | "tidy")) if !rest.is_empty() => {
            bail!("`cargo xtask {name}` takes no arguments.\n\n{USAGE}")
        }
        Some("deny") => deny::run(&workspace)?,
        Some("dev") => dev::run(&workspace)?,
        Some("dist") => dist::run(&workspace)?,
        Some("setup") => setup::run(&workspace)?,
        Some("tidy") => tidy::run(&workspace)?,
        _ => bail!("there is no command {}.\n\n{USAGE}", command.display()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the tools that must be installed before a command starts. `run` and `test` install theirs.
fn toolsets(command: &str) -> &'static [Toolset] {
    match command {
        "bench" | "dev" | "dist" | "hostile" | "trunk" => &[Toolset::Client],
        "deny" => &[Toolset::Deny],
        "fuzz" => &[Toolset::Fuzz],
        _ => &[],
    }
}
