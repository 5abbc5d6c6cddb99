//! Settings: what the server says of itself.

use clap::Args;

/// What the server says of itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// What is logged: error, warn, info, debug, trace, or a filter such as xmeet_server::ws=debug
    #[arg(long = "log", env = "XMEET_LOG", value_name = "FILTER", default_value = "info")]
    pub filter: String,
}
