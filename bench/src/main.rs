//! `xmeet-bench`, XMeet's load generator: `run` measures a server beside a floor, `floor` is that
//! floor, `hostile` attacks a server, `drain` has one end with many connections, `plot` draws what was
//! measured. This file only turns arguments into one of them.

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
mod plot;
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

/// What a delivery costs: XMeet's load generator.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Run scenarios against servers that it starts, print a table and keep the figures
    Run(run::Options),
    /// Attack a server that it starts, and see what two well-behaved pairs notice of it
    Hostile(hostile::Options),
    /// Be the least that a chat server can be: one thread, one write for each delivery
    Floor {
        /// Address and port to serve on
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Taken so that it starts as XMeet does; nothing is kept
        #[arg(long, value_name = "FOLDER", hide = true)]
        data_dir: Option<PathBuf>,
        /// One write for each member and round instead of one for each delivery
        #[arg(long)]
        batch: bool,
    },
    /// Tell a server with many connections to end, and see that it ends in order
    Drain(drain::Options),
    /// Draw the plots of kept figures
    Plot {
        /// The figures, as JSON lines
        #[arg(long = "in", value_name = "FILE", default_value = "docs/bench/results.jsonl")]
        input: PathBuf,
        /// Folder for the SVG files
        #[arg(long, value_name = "FOLDER", default_value = "docs/bench")]
        out: PathBuf,
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
        Job::Plot { input, out } => plot::draw(&figures::read_rows(&input)?, &out)?,
    }
    Ok(ExitCode::SUCCESS)
}
