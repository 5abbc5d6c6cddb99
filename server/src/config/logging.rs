//! Settings of the log and of metrics.

use std::net::SocketAddr;

use clap::{ArgAction, Args, ValueEnum};

/// Settings of the log and of metrics.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// Log level: error, warn, info, debug, trace, or a filter such as xmeet_server::session=debug
    #[arg(long = "log", env = "XMEET_LOG", value_name = "FILTER", default_value = "info")]
    pub filter: String,

    /// Format of the log
    #[arg(long, env = "XMEET_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Write client addresses to the log
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

    /// Address and port for metrics and health checks: /metrics, /healthz, /readyz [default: none]
    #[arg(long, env = "XMEET_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Lines for people: time, level, message, and name=value
    #[default]
    Text,
    /// Lines for programs: one JSON object each
    Json,
}
