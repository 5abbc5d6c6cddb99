//! The `xmeet` command: settings, logs, signals, and then [`xmeet_server::run`].

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::Context;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use xmeet_allocator::{MiMalloc, give_back_regularly};
use xmeet_server::check::{self, Problem};
use xmeet_server::config::{self, Action, Config, ConfigError};
use xmeet_server::http::Listener;
use xmeet_server::limits::descriptors;
use xmeet_server::shutdown::Ended;
use xmeet_server::supervisor::Supervisor;
use xmeet_server::telemetry::{Log, Signals};
use xmeet_server::turns::EVENT_INTERVAL_TURNS;
use xmeet_server::{run, telemetry};

/// Gives back what a crowd took (docs/hostile.md has the figures).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The exit code of settings that cannot work: starting again does not help.
const EXIT_SETTINGS: u8 = 2;

/// The exit code of a shutdown that did not end in order: its time was up, or a second signal came.
const EXIT_CUT: u8 = 3;

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            // Nobody may be reading it.
            let _ = writeln!(io::stderr(), "xmeet: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<ExitCode> {
    let loaded = match config::load(env::args_os()) {
        Ok(loaded) => loaded,
        // It prints itself, in colour where there is any, and has its own exit code.
        Err(ConfigError::Arguments(error)) => error.exit(),
        Err(ConfigError::Settings(errors)) => {
            for error in errors {
                writeln!(io::stderr(), "xmeet: error: {error}").or_else(unless_closed)?;
            }
            return Ok(ExitCode::from(EXIT_SETTINGS));
        }
    };
    let mut found = check::examine(&loaded);
    let is_check = loaded.config.action == Action::Check;
    if is_check {
        check::try_out(&loaded.config, &mut found);
    }
    check::report(&found.problems, &loaded, io::stderr()).or_else(unless_closed)?;
    if is_check || !found.problems.is_empty() {
        check::warn(&found.warnings, &loaded, io::stderr()).or_else(unless_closed)?;
    }
    if is_check {
        // Whoever takes only some of it has what was wanted.
        check::print(&loaded, io::stdout()).or_else(unless_closed)?;
    }
    if !found.problems.is_empty() {
        return Ok(if found.may_pass() {
            ExitCode::FAILURE
        } else {
            ExitCode::from(EXIT_SETTINGS)
        });
    }
    if !is_check {
        let config = loaded.config;
        let log = telemetry::start(&config.log)?;
        for Problem { key, reason, .. } in found.warnings {
            tracing::warn!(key, reason, "a setting is not as it should be");
        }
        descriptors::raise();
        let runtime = runtime().enable_all().event_interval(EVENT_INTERVAL_TURNS).build()?;
        let ended = runtime.block_on(serve(config, log));
        // A thread that the disk holds up would be waited for.
        runtime.shutdown_background();
        if ended? == Ended::Cut {
            return Ok(ExitCode::from(EXIT_CUT));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// A thread for each processor. Where there is one only, nobody is there to share work with, and
/// the runtime that cannot share takes about 5 µs less from a message's arrival to its delivery.
fn runtime() -> runtime::Builder {
    match available_parallelism() {
        Ok(processors) if processors.get() == 1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    }
}

async fn serve(config: Config, log: Log) -> anyhow::Result<Ended> {
    tokio::spawn(give_back_regularly());
    let signals = Signals::listen(config.config.is_some() || Supervisor::is_there())?;
    tokio::spawn(signals.follow(log, log_filter));
    let address = &config.network.listen;
    let listener = Listener::bind(address, config.network.socket_mode)
        .with_context(|| format!("cannot listen on {address}"))?;
    let (shutdown, hurry) = tokens_of_signals()?;
    tokio::select! {
        ended = run(config, listener, shutdown) => ended,
        () = hurry.cancelled() => {
            tracing::warn!("a second signal: xmeet ends at once");
            Ok(Ended::Cut)
        }
    }
}

/// What the settings say by now of what is logged.
fn log_filter() -> Result<String, String> {
    let loaded = config::load(env::args_os()).map_err(|error| error.to_string())?;
    Ok(loaded.config.log.filter)
}

/// Tokens that are cancelled by SIGTERM or Ctrl-C: one by the first, one by the second.
fn tokens_of_signals() -> anyhow::Result<(CancellationToken, CancellationToken)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tokens = (CancellationToken::new(), CancellationToken::new());
    let (shutdown, hurry) = tokens.clone();
    tokio::spawn(async move {
        for token in [shutdown, hurry] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(tokens)
}
