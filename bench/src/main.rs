//! `xmeet-bench`, XMeet's load generator: `run` measures a server and a floor, `floor` is that floor,
//! `hostile` attacks a server, `drain` stops one that has many connections, `table` prints the figures
//! of an earlier run.

mod check;
mod client;
mod crowd;
mod drain;
mod figures;
mod floor;
mod histogram;
mod hostile;
mod machine;
mod measure;
mod process;
mod report;
mod run;
mod scenario;
mod sender;
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// XMeet's load generator: measures the cost of a delivery.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Run scenarios against servers, print a table and write the figures
    Run(run::Options),
    /// Attack a server, and measure the effect on two well-behaved pairs of members
    Hostile(hostile::Options),
    /// Serve as the floor, a minimal chat server: one thread, one write for each delivery
    Floor {
        /// Address and port to serve on
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Accepted for compatibility with XMeet and ignored
        #[arg(long, value_name = "FOLDER", hide = true)]
        data_dir: Option<PathBuf>,
        /// Join all deliveries to a member in one round into one write
        #[arg(long)]
        batch: bool,
    },
    /// Stop a server with many connections, and check that it shuts down in order
    Drain(drain::Options),
    /// Print the table of figures that `run --out` wrote
    Table {
        /// The figures, as JSON lines
        #[arg(value_name = "FILE", default_value = "docs/bench/results.jsonl")]
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xmeet-bench: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    match Arguments::parse().command {
        Job::Run(options) => return run::run(&options),
        Job::Hostile(options) => return hostile::run(&options),
        Job::Drain(options) => return drain::run(&options),
        Job::Floor { listen, batch, data_dir: _ } => floor::serve(listen, batch)?,
        Job::Table { file } => print!("{}", report::markdown(&figures::read_rows(&file)?)),
    }
    Ok(ExitCode::SUCCESS)
}
