//! Signals that change what is logged. They need no tool but `kill`, and nobody but the server's own
//! user and root can send them.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Log;

/// What is logged after the first SIGUSR1, after the second, and so on.
const MORE: [&str; 2] = ["debug", "trace"];

/// What a signal asks for.
enum Wish {
    /// What the settings say by now.
    Reread,
    /// The next of [`MORE`].
    More,
    /// What the settings said last.
    Back,
}

/// The signals. They count from here on, though nothing is done about them until
/// [`Signals::follow`].
#[derive(Debug)]
pub struct Signals {
    hangup: Option<Signal>,
    more: Signal,
    back: Signal,
}

impl Signals {
    /// Listens for SIGUSR1 and SIGUSR2, and for SIGHUP where that asks for the settings to be read
    /// again; otherwise it goes on meaning that the terminal is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen(hangup_rereads: bool) -> io::Result<Self> {
        Ok(Self {
            hangup: hangup_rereads.then(|| signal(SignalKind::hangup())).transpose()?,
            more: signal(SignalKind::user_defined1())?,
            back: signal(SignalKind::user_defined2())?,
        })
    }

    /// Does what they ask for, for ever. `reread` reads the filter in the settings again.
    pub async fn follow(mut self, mut log: Log, reread: impl Fn() -> Result<String, String>) {
        let mut steps = 0;
        loop {
            let outcome = match self.next().await {
                Wish::More => {
                    let filter = MORE[steps.min(MORE.len() - 1)];
                    steps += 1;
                    log.set(filter)
                }
                Wish::Back => {
                    steps = 0;
                    log.set(&log.configured)
                }
                Wish::Reread => match reread() {
                    Ok(filter) => {
                        steps = 0;
                        let outcome = log.set(&filter);
                        if outcome.is_ok() {
                            log.configured = filter;
                        }
                        outcome
                    }
                    Err(error) => {
                        tracing::error!(error, "the settings cannot be read again");
                        continue;
                    }
                },
            };
            if let Err(error) = outcome {
                tracing::error!(%error, "the log's filter stays as it is");
            }
        }
    }

    async fn next(&mut self) -> Wish {
        let Self { hangup, more, back } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Wish::Reread,
            _ = more.recv() => Wish::More,
            _ = back.recv() => Wish::Back,
        }
    }
}
