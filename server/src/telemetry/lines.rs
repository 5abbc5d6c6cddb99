//! Standard error, to which every event goes as one line, whatever is in it: what could end the
//! line, or make a terminal do something, is written as an escape.
//!
//! Nothing that a client sends is logged in the first place. This is for what others say, an error
//! of a library for instance, in which its words may come back.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};

use rustix::fs::fstat;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines {
    /// Whether lines are coloured. Then the layer above has written escapes for those of others.
    pub(super) has_colours: bool,
    /// Whether lines are JSON, which has escapes of its own.
    pub(super) is_json: bool,
    /// Whether systemd's journal reads them, which takes all for as severe as each other unless each
    /// says it (sd-daemon(3)).
    pub(super) is_journal: bool,
    /// What says it.
    pub(super) severity: &'static str,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self {
        Self { severity: if self.is_journal { severity(*event.level()) } else { "" }, ..*self }
    }
}

impl Write for Lines {
    /// Takes a whole event: that is how the layer above writes.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if is_plain(line) && self.severity.is_empty() {
            io::stderr().write_all(event)?;
        } else {
            let text = String::from_utf8_lossy(line);
            let whole = format!("{}{}\n", self.severity, self.escaped(&text));
            io::stderr().write_all(whole.as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Whether standard error leads to systemd's journal (systemd.exec(5), `JOURNAL_STREAM`).
pub(super) fn leads_to_journal() -> bool {
    let Ok(stderr) = fstat(io::stderr()) else { return false };
    let stream = format!("{}:{}", stderr.st_dev, stderr.st_ino);
    env::var("JOURNAL_STREAM").is_ok_and(|journal| journal == stream)
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// Nearly all lines are.
fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

impl Lines {
    fn escaped(self, line: &str) -> String {
        let mut out = String::with_capacity(line.len() + 16);
        for char in line.chars() {
            // Writing to a String cannot fail.
            let _ = match char {
                '\u{1b}' if self.has_colours => write!(out, "{char}"),
                // All of these have four digits.
                _ if is_unruly(char) && self.is_json => write!(out, "\\u{:04x}", u32::from(char)),
                _ if is_unruly(char) => write!(out, "{}", char.escape_default()),
                _ => write!(out, "{char}"),
            };
        }
        out
    }
}

/// Ends a line somewhere, is a terminal's command, or turns the direction of what stands around it.
fn is_unruly(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_an_escape() {
        let hostile = "a\nb\r\u{1b}[31mc\u{9b}d\0\u{2028}e\u{202e}f\u{7f} 聊天 é";
        let expected = "a\\nb\\r\\u{1b}[31mc\\u{9b}d\\u{0}\\u{2028}e\\u{202e}f\\u{7f} 聊天 é";
        let lines = |has_colours, is_json| Lines { has_colours, is_json, ..Lines::default() };
        assert_eq!(lines(false, false).escaped(hostile), expected);
        let coloured = lines(true, false).escaped(hostile);
        assert!(coloured.contains("\\r\u{1b}[31mc\\u{9b}"), "{coloured}");
        let json = format!("\"{}\"", lines(false, true).escaped(hostile));
        assert!(!json.contains(is_unruly), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
        assert!(is_plain(b"INFO plain=1") && !is_plain(b"a\tb") && !is_plain("é".as_bytes()));
    }
}
