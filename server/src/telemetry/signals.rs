//! Signals that change the log filter. They need no tool but `kill`, and only root and the server's
//! user can send them.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Log;

/// The filters after the first SIGUSR1, after the second, and so on.
const VERBOSE_FILTERS: [&str; 2] = ["debug", "trace"];

/// The effect of a signal.
enum Change {
    /// SIGHUP: use the filter of the settings, which are read again.
    Reread,
    /// SIGUSR1: use the next of [`VERBOSE_FILTERS`].
    MoreVerbose,
    /// SIGUSR2: use the last filter of the settings.
    Reset,
}

/// The signal handlers. Signals are queued until [`Signals::follow`] handles them.
#[derive(Debug)]
pub struct Signals {
    hangup: Option<Signal>,
    more_verbose: Signal,
    reset: Signal,
}

impl Signals {
    /// Installs handlers for SIGUSR1 and SIGUSR2. With `hangup_rereads` also for SIGHUP; without, SIGHUP
    /// ends the process as usual.
    ///
    /// # Errors
    /// If a handler cannot be installed.
    pub fn listen(hangup_rereads: bool) -> io::Result<Self> {
        Ok(Self {
            hangup: hangup_rereads.then(|| signal(SignalKind::hangup())).transpose()?,
            more_verbose: signal(SignalKind::user_defined1())?,
            reset: signal(SignalKind::user_defined2())?,
        })
    }

    /// Handles the signals; never returns. `reread` reads the settings again and returns their filter.
    pub async fn follow(mut self, mut log: Log, reread: impl Fn() -> Result<String, String>) {
        let mut steps = 0;
        loop {
            let outcome = match self.next().await {
                Change::MoreVerbose => {
                    let filter = VERBOSE_FILTERS[steps.min(VERBOSE_FILTERS.len() - 1)];
                    steps += 1;
                    log.set(filter)
                }
                Change::Reset => {
                    steps = 0;
                    log.set(&log.configured)
                }
                Change::Reread => match reread() {
                    Ok(filter) => {
                        steps = 0;
                        let outcome = log.set(&filter);
                        if outcome.is_ok() {
                            log.configured = filter;
                        }
                        outcome
                    }
                    Err(error) => {
                        tracing::error!(error, "failed to reread the settings");
                        continue;
                    }
                },
            };
            if let Err(error) = outcome {
                tracing::error!(%error, "failed to change the log filter");
            }
        }
    }

    async fn next(&mut self) -> Change {
        let Self { hangup, more_verbose, reset } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Change::Reread,
            _ = more_verbose.recv() => Change::MoreVerbose,
            _ = reset.recv() => Change::Reset,
        }
    }
}
