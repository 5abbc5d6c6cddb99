//! Writes each event as one line, and escapes characters that could end the line or control a terminal.
//!
//! The server logs nothing that a client sends. But an error of a library, for example, may quote
//! input of a client.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};

use rustix::fs::fstat;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::queue::LineQueue;

/// Writes events to the log, one line each.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) queue: LineQueue,
    pub(super) style: Style,
}

/// The format of lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    /// Whether lines are coloured. The formatter then has already escaped control sequences in values.
    pub(super) has_colours: bool,
    /// Whether lines are JSON, and so need JSON escapes.
    pub(super) is_json: bool,
    /// Whether systemd's journal reads the lines. It needs the severity as a prefix of each line
    /// (sd-daemon(3)).
    pub(super) is_journal: bool,
    /// That prefix; empty without the journal.
    pub(super) severity: &'static str,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self {
        let severity = if self.style.is_journal { severity(*event.level()) } else { "" };
        Self { queue: self.queue.clone(), style: Style { severity, ..self.style } }
    }
}

impl Write for Lines {
    /// Writes one event. The formatter passes each event in a single call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        self.queue.push(if is_plain(line) && self.style.severity.is_empty() {
            event.to_vec()
        } else {
            let text = String::from_utf8_lossy(line);
            format!("{}{}\n", self.style.severity, self.style.escaped(&text)).into_bytes()
        });
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether standard error is connected to systemd's journal (systemd.exec(5),
/// `JOURNAL_STREAM`).
pub(super) fn leads_to_journal() -> bool {
    let Ok(stderr) = fstat(io::stderr()) else { return false };
    let stream = format!("{}:{}", stderr.st_dev, stderr.st_ino);
    env::var("JOURNAL_STREAM").is_ok_and(|journal| journal == stream)
}

/// Returns the prefix for a severity in the journal.
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// Returns whether a line needs no escapes, as nearly all lines.
fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

impl Style {
    /// Returns a line with its control characters escaped.
    fn escaped(self, line: &str) -> String {
        let mut out = String::with_capacity(line.len() + 16);
        for char in line.chars() {
            // Writing to a String cannot fail.
            let _ = match char {
                '\u{1b}' if self.has_colours => write!(out, "{char}"),
                // All of these characters have at most four hex digits.
                _ if must_escape(char) && self.is_json => write!(out, "\\u{:04x}", u32::from(char)),
                _ if must_escape(char) => write!(out, "{}", char.escape_default()),
                _ => write!(out, "{char}"),
            };
        }
        out
    }
}

/// Returns whether a character can end a line, control a terminal, or change the text direction.
fn must_escape(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let hostile = "a\nb\r\u{1b}[31mc\u{9b}d\0\u{2028}e\u{202e}f\u{7f} 聊天 é";
        let expected = "a\\nb\\r\\u{1b}[31mc\\u{9b}d\\u{0}\\u{2028}e\\u{202e}f\\u{7f} 聊天 é";
        let lines = |has_colours, is_json| Style { has_colours, is_json, ..Style::default() };
        assert_eq!(lines(false, false).escaped(hostile), expected);
        let coloured = lines(true, false).escaped(hostile);
        assert!(coloured.contains("\\r\u{1b}[31mc\\u{9b}"), "{coloured}");
        let json = format!("\"{}\"", lines(false, true).escaped(hostile));
        assert!(!json.contains(must_escape), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
        assert!(is_plain(b"INFO plain=1") && !is_plain(b"a\tb") && !is_plain("é".as_bytes()));
    }
}
