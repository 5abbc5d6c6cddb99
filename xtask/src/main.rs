//! The project's own commands, `cargo xtask <command>`: this file only turns arguments into one.

mod amount;
mod bench;
mod client;
mod crash;
mod deny;
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

const USAGE: &str = "\
Usage: cargo xtask <command>

  run [ARGS...]       build whatever has changed, then start xmeet with ARGS
  dist                leave the finished binary, web client inside, at target/release/xmeet;
                      on Linux a static one
  test [host|browser] every check and test; `host` leaves out the browser, `browser` is only that
  crash [ROUNDS]      only the crash test: `kill -9` under load, ROUNDS times (100)
  fuzz [SECONDS]      the fuzz targets, SECONDS each (720)
  hostile [SECONDS]   5,000 attackers against the finished server, SECONDS long (300)
  deny                licences, duplicates, sources and advisories of what is depended on
  bench [ARGS...]     measure what a delivery costs, into docs/bench; ARGS as in `xmeet-bench run`
  trunk ARGS...       trunk with the project's tools around it, for example `trunk serve`
  setup               only install what the commands above need
  tidy                the checks of the source tree that no compiler makes
  help                this text

The first of them installs what is missing (a WebAssembly target, trunk, wasm-bindgen, for the
tests also Chromium, cargo-nextest, cargo-fuzz and cargo-deny) and takes some minutes; it says what it is doing.
Tools are kept in $XMEET_TOOLS_DIR, or else in ~/.cache/xmeet/tools.";

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let Some(command) = arguments.next() else {
        bail!("no command was given.\n\n{USAGE}");
    };
    let rest: Vec<_> = arguments.collect();
    let workspace = Workspace::find()?;
    match command.to_str() {
        // Whatever follows belongs to xmeet, its load generator and trunk, `--help` included.
        Some("run") => return run::run(&workspace, &rest),
        Some("bench") => return bench::run(&workspace, &rest),
        Some("hostile") => return hostile::run(&workspace, hostile::seconds(&rest)?),
        Some("trunk") => return trunk::run(&workspace, &rest),
        Some("test") => test::run(&workspace, test::Part::from_arguments(&rest)?)?,
        Some("crash") => crash::run(&workspace, crash::rounds(&rest)?)?,
        Some("fuzz") => drop(fuzz::run(&workspace, fuzz::seconds(&rest)?)?),
        Some("help" | "--help" | "-h") => println!("{USAGE}"),
        Some(name @ ("deny" | "dist" | "setup" | "tidy")) if !rest.is_empty() => {
            bail!("`cargo xtask {name}` takes no arguments.\n\n{USAGE}")
        }
        Some("deny") => deny::run(&workspace)?,
        Some("dist") => dist::run(&workspace)?,
        Some("setup") => setup::everything(&workspace)?,
        Some("tidy") => tidy::run(&workspace)?,
        _ => bail!("there is no command {}.\n\n{USAGE}", command.display()),
    }
    Ok(ExitCode::SUCCESS)
}
