//! Settings: how the server starts and ends.

use clap::Args;

/// How the server starts and ends.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service")]
pub struct ServiceSettings {
    /// How long a shutdown may take in all, in seconds: what was said is stored and answered, clients
    /// are told to come back, the store is closed
    #[arg(
        long,
        env = "XMEET_SHUTDOWN_SECONDS",
        value_name = "SECONDS",
        default_value_t = SHUTDOWN_SECONDS_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=SHUTDOWN_SECONDS_MAX)
    )]
    pub shutdown_seconds: u64,
}

/// Below the 10 s after which Docker kills what it stops.
const SHUTDOWN_SECONDS_DEFAULT: u64 = 8;

/// An hour: there is nothing to wait for that long.
const SHUTDOWN_SECONDS_MAX: u64 = 3600;
