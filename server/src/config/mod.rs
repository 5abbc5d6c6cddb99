//! The settings. Each can be set in a TOML file, in the environment and on the command line, under the
//! same name.
//!
//! The command line overrides the environment, which overrides the file, which overrides the default.
//! [`load`] merges these layers. To add a setting, add a field to the struct of its topic.

mod file;
pub mod limits;
mod load;
pub mod logging;
pub mod network;
pub mod origins;
pub mod page;
pub mod service;
pub mod store;
pub mod tls;

pub use load::{ConfigError, Effective, Loaded, SettingError, load};

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use limits::LimitSettings;
use logging::LogSettings;
use network::NetworkSettings;
use page::PageSettings;
use service::ServiceSettings;
use store::StoreSettings;
use tls::TlsSettings;

/// Chat rooms over the XGate protocol, with the web client inside.
#[derive(Debug, Clone, Parser)]
#[command(name = "xmeet", version = crate::version::LINE.as_str(), max_term_width = 100)]
pub struct Config {
    /// The command to run
    #[arg(value_enum, default_value_t)]
    pub action: Action,

    /// File that `backup` creates
    #[arg(value_name = "PATH", required_if_eq("action", "backup"))]
    pub backup_path: Option<PathBuf>,

    /// TOML file with settings; its keys are the names of the options without the leading dashes
    #[arg(long = CONFIG_OPTION, env = CONFIG_VARIABLE, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Addresses and proxies.
    #[command(flatten)]
    pub network: NetworkSettings,

    /// TLS.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// The web client.
    #[command(flatten)]
    pub page: PageSettings,

    /// The store.
    #[command(flatten)]
    pub store: StoreSettings,

    /// Limits.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// The shutdown.
    #[command(flatten)]
    pub service: ServiceSettings,

    /// Log and metrics.
    #[command(flatten)]
    pub log: LogSettings,
}

/// The option that names the file. It cannot be set in a file.
const CONFIG_OPTION: &str = "config";
const CONFIG_VARIABLE: &str = "XMEET_CONFIG";

/// Prefix of all environment variables.
const VARIABLE_PREFIX: &str = "XMEET_";

/// Prefix of the variables that a build reads.
const BUILD_VARIABLE_PREFIX: &str = "XMEET_BUILD_";

/// The command to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Action {
    /// Serve rooms and the web client
    #[default]
    Serve,
    /// Check all settings and the data directory, and print each setting with its source
    Check,
    /// Copy the history to a new file at PATH, whether or not a server is running
    Backup,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_setting_has_an_environment_variable_and_a_help_text() {
        let command = Config::command();
        command.clone().debug_assert();
        for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
            let name = argument.get_long().expect("it has a name");
            let variable = argument.get_env().expect("it has a variable").to_string_lossy();
            assert_eq!(
                variable,
                format!("{VARIABLE_PREFIX}{}", name.replace('-', "_").to_uppercase())
            );
            assert!(argument.get_help().is_some(), "{name}");
        }
    }
}
