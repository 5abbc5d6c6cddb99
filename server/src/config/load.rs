//! Merges the layers of the settings and records the source of each setting.
//!
//! The values of the file are inserted into the command line, except for settings that the environment
//! or the command line sets. So one parser reads every value.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::file::{self, Entry};
use super::{BUILD_VARIABLE_PREFIX, CONFIG_OPTION, CONFIG_VARIABLE, Config, VARIABLE_PREFIX};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line is invalid, or asks for help or the version.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// Settings in the environment or in the file are invalid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
}

/// An invalid setting.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {}{reason}", Key(key))]
pub struct SettingError {
    /// The file and line, or the environment variable.
    pub location: String,
    /// The name of the setting; empty if the error is about the whole file.
    pub key: String,
    /// Why it is invalid.
    pub reason: String,
}

/// Displays the name of a setting with a colon, or nothing if it is empty.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

/// The merged settings.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The value and source of each setting, in the order of `--help`.
    pub effective: Vec<Effective>,
    /// Environment variables with the prefix of settings that are not settings. They may be intended
    /// for another program: Kubernetes, for example, derives variables from the name of a service.
    pub unknown_variables: Vec<String>,
}

/// The merged value of one setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Effective {
    /// The name of the option, without the leading dashes.
    pub key: String,
    /// The values, as on the command line. Empty if the setting is not set.
    pub values: Vec<String>,
    /// Whether the setting is a list. An empty list has one value, the empty string.
    pub is_list: bool,
    /// The file and line, the environment variable, `command line` or `default`.
    pub source: String,
}

/// Loads the settings from the command line, the environment, and the file that one of them names. The
/// first argument is the program's name.
///
/// # Errors
/// [`ConfigError`] contains the first error of the command line. If there is none, it contains all errors
/// of the environment and the file.
pub fn load(arguments: impl IntoIterator<Item = OsString>) -> Result<Loaded, ConfigError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // The help text and the search for unknown variables need all variables.
    let with_all_variables = Config::command();
    let command = without_empty_variables(with_all_variables.clone());
    let arguments_only = without_environment(&command);

    // 1. The command line alone.
    let command_line =
        arguments_only.clone().try_get_matches_from(&arguments).or_else(|error| {
            if error.kind() == ErrorKind::DisplayHelp {
                with_all_variables.clone().try_get_matches_from(&arguments)
            } else {
                Err(error)
            }
        })?;

    // 2. All errors of the environment and of the file.
    let mut errors = invalid_variables(&arguments_only, &command, &command_line);
    let path_variable =
        || env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = command_line.get_one::<PathBuf>(CONFIG_OPTION).cloned().or_else(path_variable);
    let entries = path.as_ref().map_or(Ok(Vec::new()), |path| read_checked(path, &arguments_only));
    let entries = entries.unwrap_or_else(|file_errors| {
        errors.extend(file_errors);
        Vec::new()
    });
    if !errors.is_empty() {
        return Err(ConfigError::Settings(errors));
    }

    // 3. The settings of the file that nothing overrides, inserted behind the program's name.
    let without_file = command.clone().try_get_matches_from(&arguments)?;
    let is_overridden = |entry: &&Entry| is_set(&without_file, option(&command, &entry.key));
    let from_file: Vec<&Entry> = entries.iter().filter(|entry| !is_overridden(entry)).collect();
    let mut merged = arguments;
    let first_option = usize::from(!merged.is_empty());
    let inserted = from_file.iter().map(|entry| entry.as_argument().into());
    merged.splice(first_option..first_option, inserted);
    let matches = command.clone().try_get_matches_from(merged)?;

    // 4. The source of each setting.
    let effective = command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some_and(|name| name != CONFIG_OPTION))
        .filter(|argument| argument.get_action().takes_values())
        .map(|argument| {
            let entry = from_file.iter().find(|entry| Some(&*entry.key) == argument.get_long());
            Effective::of(argument, &matches, entry.copied(), path.as_deref())
        })
        .collect();
    let unknown_variables =
        unknown_variables(&with_all_variables, env::vars_os().map(|(name, _)| name));
    Ok(Loaded { config: Config::from_arg_matches(&matches)?, effective, unknown_variables })
}

/// Returns the command without the environment variables that are not set. An empty variable counts as
/// not set, because configuration templates leave such variables behind.
fn without_empty_variables(command: Command) -> Command {
    command.mut_args(|argument| {
        let is_empty = |name: &OsStr| env::var_os(name).is_none_or(|text| text.is_empty());
        if argument.get_env().is_some_and(is_empty) {
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    })
}

/// Returns the command without environment variables.
fn without_environment(command: &Command) -> Command {
    command.clone().mut_args(|argument| argument.env(Resettable::Reset))
}

/// Returns the errors of environment variables. Parses each variable as an option, because clap's errors do
/// not name the variable.
fn invalid_variables(
    arguments_only: &Command,
    command: &Command,
    command_line: &ArgMatches,
) -> Vec<SettingError> {
    let error_of = |argument: &Arg| {
        let (variable, key) = (argument.get_env()?, argument.get_long()?);
        let text = env::var_os(variable).filter(|_| !is_set(command_line, Some(argument)))?;
        let mut alone = OsString::from(format!("--{key}="));
        alone.push(text);
        let error = arguments_only.clone().try_get_matches_from(["xmeet".into(), alone]).err()?;
        let location = variable_location(variable);
        Some(SettingError { location, key: key.to_owned(), reason: reason(&error) })
    };
    command.get_arguments().filter_map(error_of).collect()
}

/// Describes an environment variable as the location of a setting.
fn variable_location(variable: &OsStr) -> String {
    format!("environment, {}", variable.to_string_lossy())
}

/// Returns the variables that have the prefix of settings and are not settings, sorted.
fn unknown_variables(command: &Command, names: impl Iterator<Item = OsString>) -> Vec<String> {
    let is_known =
        |name: &OsString| command.get_arguments().any(|known| known.get_env() == Some(name));
    let is_ours = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with(VARIABLE_PREFIX) && !name.starts_with(BUILD_VARIABLE_PREFIX)
    };
    let unknown = names.filter(|name| is_ours(name) && !is_known(name));
    let mut unknown: Vec<_> = unknown.map(|name| name.to_string_lossy().into_owned()).collect();
    unknown.sort();
    unknown
}

/// Reads the settings file. Fails with one error per unknown or invalid setting.
fn read_checked(path: &Path, arguments_only: &Command) -> Result<Vec<Entry>, Vec<SettingError>> {
    let (entries, mut errors) = file::read(path).map_err(|error| vec![error])?;
    errors.extend(entries.iter().filter_map(|entry| {
        let location = file::location(path, Some(entry.line));
        let reason = invalid_reason(entry, arguments_only)?;
        Some(SettingError { location, key: entry.key.clone(), reason })
    }));
    if errors.is_empty() { Ok(entries) } else { Err(errors) }
}

/// Returns why a setting of the file is unknown or invalid.
fn invalid_reason(entry: &Entry, arguments_only: &Command) -> Option<String> {
    if option(arguments_only, &entry.key).is_none_or(|known| !known.get_action().takes_values()) {
        return Some("there is no such setting".to_owned());
    }
    if entry.key == CONFIG_OPTION {
        return Some("a settings file cannot name another file".to_owned());
    }
    let alone = ["xmeet".to_owned(), entry.as_argument()];
    arguments_only.clone().try_get_matches_from(alone).err().map(|error| reason(&error))
}

/// Returns the option of a setting.
fn option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| argument.get_long() == Some(key))
}

/// Returns whether the command line or the environment sets an option.
fn is_set(matches: &ArgMatches, argument: Option<&Arg>) -> bool {
    let source = argument.and_then(|argument| matches.value_source(argument.get_id().as_str()));
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// Converts an error of clap about one value into a reason without the name of the option.
fn reason(error: &clap::Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.is_empty() => return "it is empty".to_owned(),
        Some(ContextValue::String(value)) => format!("{value:?} cannot be used"),
        _ => "the value cannot be used".to_owned(),
    };
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!(": it is one of {}", valid.join(", ")),
        _ => String::new(),
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{value}{valid}{}", cause.unwrap_or_default())
}

impl Entry {
    /// Returns the setting as an option of the command line.
    fn as_argument(&self) -> String {
        format!("--{}={}", self.key, self.text)
    }
}

impl Effective {
    /// Describes the value of an option, and where it was set.
    fn of(
        argument: &Arg,
        matches: &ArgMatches,
        entry: Option<&Entry>,
        path: Option<&Path>,
    ) -> Self {
        let id = argument.get_id().as_str();
        let raw = matches.get_raw(id).into_iter().flatten();
        let values = raw.map(|value| value.to_string_lossy().into_owned()).collect();
        let source = match (entry, path, matches.value_source(id)) {
            (Some(Entry { line, .. }), Some(path), _) => file::location(path, Some(*line)),
            (_, _, Some(ValueSource::EnvVariable)) => {
                variable_location(argument.get_env().unwrap_or_default())
            }
            (_, _, Some(ValueSource::CommandLine)) => "command line".to_owned(),
            _ => "default".to_owned(),
        };
        let key = argument.get_long().unwrap_or_default().to_owned();
        let is_list = argument.get_value_delimiter().is_some();
        Self { key, values, is_list, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origins::Origins;

    fn load_with(text: &str, more: &[&str]) -> Result<Loaded, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xmeet.toml");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let fixed = ["xmeet", "--config", path];
        let arguments = fixed.iter().chain(more).map(Into::into);
        load(arguments).map_err(|error| error.to_string().replace(path, "FILE"))
    }

    fn source<'a>(loaded: &'a Loaded, key: &str) -> &'a str {
        &loaded.effective.iter().find(|effective| effective.key == key).unwrap().source
    }

    #[test]
    fn command_line_overrides_the_file_and_the_file_overrides_defaults() {
        let text = "history-messages = 7\nframe-bytes-max = 1000\n";
        let loaded = load_with(text, &["--history-messages", "9"]).unwrap();
        assert_eq!(loaded.config.store.history_messages, 9);
        assert_eq!(loaded.config.limits.frame_bytes_max, 1000);
        assert_eq!(source(&loaded, "history-messages"), "command line");
        assert!(source(&loaded, "frame-bytes-max").ends_with("xmeet.toml:2"));
        assert_eq!(source(&loaded, "outbox-bytes-max"), "default");
    }

    #[test]
    fn list_on_the_command_line_replaces_the_list_of_the_file() {
        let text = "allow-origin = [\"https://a\", \"https://b\"]\n";
        let loaded = load_with(text, &[]).unwrap();
        assert_eq!(loaded.config.network.allowed_origins, ["https://a", "https://b"]);
        let loaded = load_with(text, &["--allow-origin", "https://c"]).unwrap();
        assert_eq!(loaded.config.network.allowed_origins, ["https://c"]);
    }

    #[test]
    fn empty_list_of_origins_differs_from_no_list() {
        let listed = || Origins::Listed(vec!["https://a".to_owned()]);
        for (text, more, origins) in [
            ("", &[][..], Origins::All),
            ("allow-origin = []\n", &[], Origins::Own),
            ("allow-origin = \"\"\n", &[], Origins::Own),
            ("", &["--allow-origin="], Origins::Own),
            ("allow-origin = [\"https://a\"]\n", &["--allow-origin="], Origins::Own),
            ("allow-origin = []\n", &["--allow-origin=https://a"], listed()),
            ("allow-origin = [\"https://a\", \"\"]\n", &[], listed()),
            // The way to write an empty list in a variable: an empty variable counts as not set.
            ("", &["--allow-origin=,"], Origins::Own),
        ] {
            let loaded = load_with(text, more).unwrap();
            assert_eq!(loaded.config.network.origins(), origins, "{text:?} {more:?}");
        }
    }

    #[test]
    fn empty_list_of_proxies_trusts_no_proxy() {
        let own = ["127.0.0.1/32"].as_slice();
        for (text, more, networks) in [
            ("", &[][..], &[][..]),
            ("trusted-proxies = []\n", &[], &[]),
            ("trusted-proxies = \"\"\n", &[], &[]),
            ("", &["--trusted-proxies="], &[]),
            ("trusted-proxies = [\"127.0.0.1\"]\n", &["--trusted-proxies="], &[]),
            ("trusted-proxies = []\n", &["--trusted-proxies=127.0.0.1"], own),
            ("trusted-proxies = [\"127.0.0.1\", \"\"]\n", &[], own),
        ] {
            let proxies = load_with(text, more).unwrap().config.network.proxies();
            let found: Vec<_> = proxies.iter().map(ToString::to_string).collect();
            assert_eq!(found, networks, "{text:?} {more:?}");
        }
        let said = load_with("trusted-proxies = [\"here\"]\n", &[]).unwrap_err();
        assert!(said.starts_with("FILE:1: trusted-proxies: \"here\" cannot be used: "), "{said}");
    }

    #[test]
    fn error_of_the_file_names_file_line_key_and_reason() {
        for (text, expected) in [
            ("x = 1\n", "FILE:1: x: there is no such setting"),
            ("\nhelp = true\n", "FILE:2: help: there is no such setting"),
            ("config = \"other\"\n", "FILE:1: config: a settings file cannot name another file"),
            ("history-messages = -1\n", "FILE:1: history-messages: \"-1\" cannot be used: "),
            (
                "sync = \"never\"\n",
                "FILE:1: sync: \"never\" cannot be used: it is one of normal, full",
            ),
            (
                "listen = \"here\"\n",
                "FILE:1: listen: \"here\" cannot be used: it is an address and a port",
            ),
        ] {
            let said = load_with(text, &[]).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
        let both = load_with("x = 1\nhistory-messages = -1\n", &[]).unwrap_err();
        assert_eq!(both.matches("FILE:").count(), 2, "all errors are reported: {both}");
        let missing = load(["xmeet", "--config", "/nowhere/x.toml"].map(OsString::from));
        let said = missing.unwrap_err().to_string();
        assert!(said.starts_with("/nowhere/x.toml: No such file"), "{said}");
    }

    #[test]
    fn unknown_variables_with_the_prefix_are_found() {
        let names =
            ["XMEET_LISTN", "XMEET_LISTEN", "PATH", "XMEET_CONFIG", "XMEET_", "XMEET_BUILD_COMMIT"];
        let found = unknown_variables(&Config::command(), names.into_iter().map(Into::into));
        assert_eq!(found, ["XMEET_", "XMEET_LISTN"]);
    }
}
