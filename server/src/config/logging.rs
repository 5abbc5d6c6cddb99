//! Settings: what the server says of itself, in its log and as numbers.

use std::net::SocketAddr;

use clap::{ArgAction, Args, ValueEnum};

/// What the server says of itself, in its log and as numbers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// What is logged: error, warn, info, debug, trace, or a filter such as xmeet_server::ws=debug
    #[arg(long = "log", env = "XMEET_LOG", value_name = "FILTER", default_value = "info")]
    pub filter: String,

    /// How a line of the log looks
    #[arg(long, env = "XMEET_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Let the log say where clients connect from
    #[arg(
        long,
        env = "XMEET_LOG_ADDRESSES",
        value_name = "TRUE/FALSE",
        action = ArgAction::Set,
        default_value_t = false,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub log_addresses: bool,

    /// Address and port of a listener for the operator: /metrics, /healthz, /readyz [default: none]
    #[arg(long, env = "XMEET_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, words, and name=value
    #[default]
    Text,
    /// For programs: a JSON object
    Json,
}
