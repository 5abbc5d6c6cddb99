//! The settings, from the command line and the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use xmeet_shared::limits::{
    FRAME_BYTES_MAX_DEFAULT, HISTORY_KEPT_MESSAGES_DEFAULT, RESUME_GRACE_SECONDS_DEFAULT,
};

use crate::history::sqlite::SyncMode;

/// Chat rooms over the XGate protocol, with the web client inside.
#[derive(Debug, Clone, Parser)]
#[command(name = "xmeet", version, max_term_width = 100)]
pub struct Config {
    /// Address and port to serve on
    #[arg(
        long,
        env = "XMEET_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,

    /// Folder where the history is kept; made when it is not there
    #[arg(long, env = "XMEET_DATA_DIR", value_name = "FOLDER", default_value = "./xmeet-data")]
    pub data_dir: PathBuf,

    /// Messages kept for each room; with 0 nothing is kept and messages have no ids
    #[arg(long, env = "XMEET_HISTORY_MESSAGES", value_name = "COUNT", default_value_t = HISTORY_KEPT_MESSAGES_DEFAULT)]
    pub history_messages: u64,

    /// What a message waits for before it is kept and delivered
    #[arg(long, env = "XMEET_SYNC", value_name = "MODE", value_enum, default_value_t)]
    pub sync: SyncMode,

    /// Largest message a client may send, in bytes
    #[arg(long, env = "XMEET_FRAME_BYTES_MAX", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX_DEFAULT)]
    pub frame_bytes_max: usize,

    /// What may wait for one slow client before it is closed, in bytes
    #[arg(long, env = "XMEET_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = OUTBOX_BYTES_MAX_DEFAULT)]
    pub outbox_bytes_max: usize,

    /// How long a member whose connection is lost is waited for before the others see it leave, in
    /// seconds. Only for clients that can resume, as the web client does
    #[arg(long, env = "XMEET_RESUME_GRACE_SECONDS", value_name = "SECONDS", default_value_t = RESUME_GRACE_SECONDS_DEFAULT)]
    pub resume_grace_seconds: u64,

    /// Time zone of the send_time texts, as in Asia/Shanghai [default: the system's]
    #[arg(long, env = "XMEET_TIME_ZONE", value_name = "ZONE")]
    pub time_zone: Option<String>,

    /// Origins whose pages may connect, separated by commas [default: all]
    #[arg(
        long = "allow-origin",
        env = "XMEET_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub allowed_origins: Vec<String>,

    /// What is logged: error, warn, info, debug, trace, or a filter such as xmeet_server::ws=debug
    #[arg(long, env = "XMEET_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// What may wait for one slow client unless it is set otherwise: a page of the largest messages,
/// where they are plain text.
const OUTBOX_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// Takes an origin as browsers send it (RFC 6454 section 6.2): scheme and host, no path.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim();
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    if scheme.is_empty() || host.is_empty() || host.contains(['/', ' ', '*']) {
        return Err("an origin is a scheme and a host, as in https://example.org".to_owned());
    }
    Ok(origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_setting_is_also_an_environment_variable_and_explains_itself() {
        let command = Config::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            let variable = argument.get_env().expect("it has a variable").to_string_lossy();
            assert!(variable.starts_with("XMEET_"), "{variable}");
            assert!(argument.get_help().is_some(), "{variable}");
        }
    }
}
