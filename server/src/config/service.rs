//! Settings of the shutdown.

use clap::Args;

/// Settings of the shutdown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service")]
pub struct ServiceSettings {
    /// Time limit of a shutdown, in seconds: received messages are stored and answered, clients are
    /// asked to reconnect, and the store is closed
    #[arg(
        long,
        env = "XMEET_SHUTDOWN_SECONDS",
        value_name = "SECONDS",
        default_value_t = SHUTDOWN_SECONDS_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=SHUTDOWN_SECONDS_MAX)
    )]
    pub shutdown_seconds: u64,
}

/// Less than the 10 s after which `docker stop` kills the process.
const SHUTDOWN_SECONDS_DEFAULT: u64 = 8;

/// Upper bound of the setting: an hour.
const SHUTDOWN_SECONDS_MAX: u64 = 3600;
