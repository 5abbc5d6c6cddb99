//! The settings. Each comes from a TOML file, the environment or the command line, under one name.
//!
//! Precedence, the later wins: default, file, environment, command line. [`load`] puts the layers
//! on top of each other; a setting is added by a field in the struct of its topic, and nothing else.

mod file;
pub mod limits;
mod load;
pub mod logging;
pub mod network;
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
    /// What to do
    #[arg(value_enum, default_value_t)]
    pub action: Action,

    /// TOML file with settings; its keys are the options' names without the dashes in front
    #[arg(long = CONFIG_OPTION, env = CONFIG_VARIABLE, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where it is to be reached.
    #[command(flatten)]
    pub network: NetworkSettings,

    /// Its own TLS.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// How the page is served.
    #[command(flatten)]
    pub page: PageSettings,

    /// What is kept.
    #[command(flatten)]
    pub store: StoreSettings,

    /// How much anybody may do.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// How it starts and ends.
    #[command(flatten)]
    pub service: ServiceSettings,

    /// What it says of itself.
    #[command(flatten)]
    pub log: LogSettings,
}

/// The one option that a file cannot set.
const CONFIG_OPTION: &str = "config";
const CONFIG_VARIABLE: &str = "XMEET_CONFIG";

/// What the name of every variable begins with.
const VARIABLE_PREFIX: &str = "XMEET_";

/// And of those that are set for a build.
const BUILD_VARIABLE_PREFIX: &str = "XMEET_BUILD_";

/// What the program is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Action {
    /// Serve rooms and the web client
    #[default]
    Serve,
    /// Check all settings and the data folder, and print the settings with where each comes from
    Check,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_setting_is_also_an_environment_variable_and_explains_itself() {
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
