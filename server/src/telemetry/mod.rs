//! The log on standard error: one line per event, as text or JSON, with a filter that can be changed
//! while the server runs.
//!
//! The log contains nothing that a client sends: no text, name, token, room, path or header. Lines
//! about a connection have its number in the field `connection`.

mod lines;
mod panics;
mod queue;
mod signals;

pub use queue::{FlushGuard, dropped_lines};
pub use signals::Signals;

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::logging::{LogFormat, LogSettings};
use lines::{Lines, Style, leads_to_journal};
use queue::LineQueue;

/// Changes the filter of the running log.
#[derive(Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    /// The filter of the settings, to return to.
    configured: String,
}

/// The error of an invalid filter.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter is invalid.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The log's thread could not be started.
    #[error("the log cannot be written: {0}")]
    Thread(#[from] io::Error),
}

/// Starts the log. A separate thread writes the lines, so that a slow reader of standard error blocks no
/// task. Dropping the guard writes the remaining lines.
///
/// # Errors
/// If the filter is invalid or the thread cannot be started.
pub fn start(settings: &LogSettings) -> Result<(Log, FlushGuard), StartError> {
    let (filter, handle) = reload::Layer::new(parse(&settings.filter)?);
    let is_json = settings.log_format == LogFormat::Json;
    let has_colours = !is_json && io::stderr().is_terminal();
    let is_journal = leads_to_journal();
    let (queue, guard) = LineQueue::start(io::stderr())?;
    let style = Style { has_colours, is_json, is_journal, severity: "" };
    let lines = Lines { queue, style };
    let layer = fmt::layer().with_writer(lines).with_ansi(has_colours);
    let layer = match settings.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(layer).init();
    panics::install_hook();
    Ok((Log { filter: handle, configured: settings.filter.clone() }, guard))
}

/// Checks a filter.
///
/// # Errors
/// If the filter is invalid.
pub fn check_filter(filter: &str) -> Result<(), FilterError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    // EnvFilter accepts any word as the name of a target. With a misspelt level it would log almost
    // nothing.
    let is_unknown_level = |word: &&str| {
        !word.is_empty() && !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err()
    };
    if filter.split(',').all(|word| word.trim().is_empty()) {
        return Err(FilterError("it is empty: use off to log nothing".to_owned()));
    }
    if let Some(word) = filter.split(',').map(str::trim).find(is_unknown_level) {
        return Err(FilterError(format!(
            "{word:?} is not one of error, warn, info, debug, trace and off; a part of the program \
             needs a level, as in xmeet_server::session=debug"
        )));
    }
    EnvFilter::try_new(filter).map_err(|error| FilterError(error.to_string()))
}

impl Log {
    /// Replaces the filter.
    ///
    /// # Errors
    /// If the new filter is invalid. The old one then stays in use.
    pub fn set(&self, filter: &str) -> Result<(), FilterError> {
        let new = parse(filter)?;
        // Logged before or after the change, by whichever filter allows it.
        let is_logged = tracing::enabled!(tracing::Level::INFO);
        if is_logged {
            tracing::info!(filter, "log filter changed");
        }
        self.filter.reload(new).map_err(|error| FilterError(error.to_string()))?;
        if !is_logged {
            tracing::info!(filter, "log filter changed");
        }
        Ok(())
    }
}
