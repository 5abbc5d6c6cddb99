//! The `xmeet` command: settings, logs, signals, and then [`xmeet_server::run`].

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::Context;
use tikv_jemallocator::Jemalloc;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use xmeet_server::check::{self, Findings, Problem};
use xmeet_server::config::{self, Action, Config, ConfigError, Loaded};
use xmeet_server::history::sqlite::{self, OpenError};
use xmeet_server::http::Listener;
use xmeet_server::limits::descriptors;
use xmeet_server::shutdown::ShutdownOutcome;
use xmeet_server::supervisor::Supervisor;
use xmeet_server::tasks::Tasks;
use xmeet_server::telemetry::{Log, Signals};
use xmeet_server::turns::EVENT_INTERVAL_TURNS;
use xmeet_server::{run_with_tasks, telemetry};

/// Returns memory to the system after a crowd has left (docs/hostile.md has the figures).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The exit code for invalid settings or data: a restart does not help.
const EXIT_SETTINGS: u8 = 2;

/// The progress between two log lines of a backup, in percent.
const PROGRESS_PERCENT: i64 = 10;

/// The exit code of a forced shutdown: its time was up, or a second signal arrived.
const EXIT_FORCED: u8 = 3;

/// The exit code after a panic that ends the server: a restart may help.
const EXIT_FAILED: u8 = 4;

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "xmeet: error: {error:#}");
            let is_permanent =
                error.downcast_ref::<OpenError>().is_some_and(|error| !error.is_transient());
            if is_permanent { ExitCode::from(EXIT_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

/// Reads the settings and carries out the action that they name.
fn start() -> anyhow::Result<ExitCode> {
    let loaded = match config::load(env::args_os()) {
        Ok(loaded) => loaded,
        // clap prints its own errors and has its own exit code.
        Err(ConfigError::Arguments(error)) => error.exit(),
        Err(ConfigError::Settings(errors)) => {
            for error in errors {
                writeln!(io::stderr(), "xmeet: error: {error}").or_else(unless_closed)?;
            }
            return Ok(ExitCode::from(EXIT_SETTINGS));
        }
    };
    if loaded.config.action == Action::Backup {
        return back_up(&loaded.config);
    }
    if loaded.config.action == Action::Check {
        return check(&loaded);
    }
    let found = check::examine(&loaded);
    if found.problems.is_empty() {
        return run(loaded.config, found.warnings);
    }
    print_problems(&found, &loaded)?;
    Ok(exit_code(&found))
}

/// Prints the result of a check, and the settings.
fn check(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let mut found = check::examine(loaded);
    check::probe(&loaded.config, &mut found);
    print_problems(&found, loaded)?;
    // A reader such as `head` may close the pipe early, which is not an error.
    check::print(loaded, &found, io::stdout()).or_else(unless_closed)?;
    Ok(exit_code(&found))
}

fn print_problems(found: &Findings, loaded: &Loaded) -> io::Result<()> {
    check::report(&found.problems, loaded, io::stderr()).or_else(unless_closed)?;
    check::warn(&found.warnings, loaded, io::stderr()).or_else(unless_closed)
}

/// Returns the exit code of a check. A restart helps only if every problem is transient.
fn exit_code(found: &Findings) -> ExitCode {
    if found.problems.is_empty() {
        ExitCode::SUCCESS
    } else if found.is_transient() {
        ExitCode::FAILURE
    } else {
        ExitCode::from(EXIT_SETTINGS)
    }
}

/// Serves until a signal or a failure ends the server.
fn run(config: Config, warnings: Vec<Problem>) -> anyhow::Result<ExitCode> {
    // Dropping `log` writes the rest of the log, also after an error or a panic.
    let (log, lines) = telemetry::start(&config.log)?;
    for Problem { key, reason, .. } in warnings {
        tracing::warn!(key, reason, "a setting has a problem");
    }
    descriptors::raise();
    let runtime = runtime().enable_all().event_interval(EVENT_INTERVAL_TURNS).build()?;
    let outcome = runtime.block_on(serve(config, log));
    // Does not wait for threads that a slow disk blocks.
    runtime.shutdown_background();
    Ok(match outcome {
        Ok(ShutdownOutcome::Clean) => ExitCode::SUCCESS,
        Ok(ShutdownOutcome::Forced) => ExitCode::from(EXIT_FORCED),
        Ok(ShutdownOutcome::Failed) => ExitCode::from(EXIT_FAILED),
        Err(error) => {
            lines.write_line(&format!("xmeet: error: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

/// Copies the history, and prints the progress on a terminal.
fn back_up(config: &Config) -> anyhow::Result<ExitCode> {
    let target = config.backup_path.as_deref().context("backup needs a PATH")?;
    let mut printed_percent = 0;
    let copied = sqlite::back_up(&config.store.data_dir, target, |left, all| {
        let percent = i64::from(all - left) * 100 / i64::from(all.max(1));
        if io::stderr().is_terminal() && percent >= printed_percent + PROGRESS_PERCENT {
            printed_percent = percent;
            // If the line cannot be printed, the copy continues.
            let _ = writeln!(io::stderr(), "xmeet: {percent} % copied");
        }
    });
    match copied {
        Ok(bytes) => {
            let target = target.display();
            writeln!(io::stderr(), "xmeet: {bytes} bytes of history are in {target}")
                .or_else(unless_closed)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(io::stderr(), "xmeet: error: {:#}", anyhow::Error::from(error))
                .or_else(unless_closed)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ignores the error of a closed pipe.
fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Builds a runtime with a thread for each processor. On one processor, the current-thread runtime takes
/// about 5 µs less from a message's arrival to its delivery.
fn runtime() -> runtime::Builder {
    match available_parallelism() {
        Ok(processors) if processors.get() == 1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    }
}

async fn serve(config: Config, log: Log) -> anyhow::Result<ShutdownOutcome> {
    let tasks = Tasks::default();
    let signals = Signals::listen(config.config.is_some() || Supervisor::is_present())?;
    tasks.spawn_essential("log_signals", signals.follow(log, log_filter));
    let address = &config.network.listen;
    let listener = Listener::bind(address, config.network.socket_mode)
        .with_context(|| format!("cannot listen on {address}"))?;
    let (shutdown, hurry) = tokens_of_signals(&tasks)?;
    tokio::select! {
        ended = run_with_tasks(config, listener, shutdown, tasks) => ended,
        () = hurry.cancelled() => {
            tracing::warn!("a second signal: xmeet ends at once");
            Ok(ShutdownOutcome::Forced)
        }
    }
}

/// Returns the log filter of the current settings.
fn log_filter() -> Result<String, String> {
    let loaded = config::load(env::args_os()).map_err(|error| error.to_string())?;
    Ok(loaded.config.log.filter)
}

/// Returns tokens that the first and the second SIGTERM or Ctrl-C cancel.
fn tokens_of_signals(tasks: &Tasks) -> anyhow::Result<(CancellationToken, CancellationToken)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tokens = (CancellationToken::new(), CancellationToken::new());
    let (shutdown, hurry) = tokens.clone();
    tasks.spawn_essential("signals", async move {
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
