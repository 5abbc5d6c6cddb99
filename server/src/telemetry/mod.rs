//! Logs, on standard error: as text or JSON, one line each, with a filter that can be changed while
//! the server runs.
//!
//! What a client sends is not logged: no text, name, token, room, path or header. Lines about a
//! connection carry its number, as `connection`.

mod lines;
mod panics;
mod signals;

pub use signals::Signals;

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::logging::{LogFormat, LogSettings};
use lines::{Lines, leads_to_journal};

/// The log, as far as it can be changed.
#[derive(Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    configured: String,
}

/// A filter that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

/// Starts logging what the filter lets through.
///
/// # Errors
/// When the filter cannot be understood.
pub fn start(settings: &LogSettings) -> Result<Log, FilterError> {
    let (filter, handle) = reload::Layer::new(parse(&settings.filter)?);
    let is_json = settings.log_format == LogFormat::Json;
    let has_colours = !is_json && io::stderr().is_terminal();
    let is_journal = leads_to_journal();
    let lines = Lines { has_colours, is_json, is_journal, severity: "" };
    let layer = fmt::layer().with_writer(lines).with_ansi(has_colours);
    let layer = match settings.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(layer).init();
    panics::log();
    Ok(Log { filter: handle, configured: settings.filter.clone() })
}

/// Checks a filter.
///
/// # Errors
/// When the filter cannot be understood.
pub fn check_filter(filter: &str) -> Result<(), FilterError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    // The library takes any word for the name of a target, a misspelt level included: then next to
    // nothing would be logged.
    let is_lone = |word: &&str| {
        !word.is_empty() && !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err()
    };
    if filter.split(',').all(|word| word.trim().is_empty()) {
        return Err(FilterError("it is empty: off is what logs nothing".to_owned()));
    }
    if let Some(word) = filter.split(',').map(str::trim).find(is_lone) {
        return Err(FilterError(format!(
            "{word:?} is none of error, warn, info, debug, trace and off; a part of the program has \
             one of them behind it, as in xmeet_server::ws=debug"
        )));
    }
    EnvFilter::try_new(filter).map_err(|error| FilterError(error.to_string()))
}

impl Log {
    /// Logs what another filter lets through from here on.
    ///
    /// # Errors
    /// When the filter cannot be understood; then everything stays as it is.
    pub fn set(&self, filter: &str) -> Result<(), FilterError> {
        let new = parse(filter)?;
        // Said by whichever of the two lets it through.
        let is_said = tracing::enabled!(tracing::Level::INFO);
        if is_said {
            tracing::info!(filter, "the log has another filter");
        }
        self.filter.reload(new).map_err(|error| FilterError(error.to_string()))?;
        if !is_said {
            tracing::info!(filter, "the log has another filter");
        }
        Ok(())
    }
}
