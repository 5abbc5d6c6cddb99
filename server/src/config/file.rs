//! The settings file: flat TOML whose keys are the names of the options.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::SettingError;

/// A setting of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The value as text, as on the command line.
    pub(super) text: String,
    /// The line number, from 1.
    pub(super) line: usize,
}

/// Reads a settings file. Returns its settings, and errors about values of a type that no setting has.
/// Does not check whether the settings exist and their values are valid.
///
/// # Errors
/// If the file cannot be read or is not TOML.
pub(super) fn read(path: &Path) -> Result<(Vec<Entry>, Vec<SettingError>), SettingError> {
    let error_at = |line: Option<usize>, key: &str, reason: String| SettingError {
        location: location(path, line),
        key: key.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| error_at(None, "", error.to_string()))?;
    let line_at = |span: Range<usize>| text[..span.start].matches('\n').count() + 1;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map(&line_at);
        let source = error.span().map_or("", |span| &text[span]);
        // The parser's message about a duplicate key does not name the key.
        let key = if error.message() == DUPLICATE { source } else { "" };
        error_at(line, key, error.message().to_owned())
    })?;
    let (mut entries, mut errors) = (Vec::new(), Vec::new());
    for (key, value) in table.into_inner() {
        let line = line_at(key.span());
        let key = key.into_inner().into_owned();
        match text_of(value.get_ref()) {
            Ok(text) => entries.push(Entry { key, text, line }),
            Err(reason) => errors.push(error_at(Some(line), &key, reason)),
        }
    }
    entries.sort_by_key(|entry| entry.line);
    Ok((entries, errors))
}

/// The parser's message about a duplicate key.
const DUPLICATE: &str = "duplicate key";

/// Formats a location as `path:line`, which editors can open.
pub(super) fn location(path: &Path, line: Option<usize>) -> String {
    line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()))
}

/// Converts a value to its text on the command line. The items of a list are joined by commas.
fn text_of(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() != 10 => {
            Err("numbers must be decimal".to_owned())
        }
        DeValue::Integer(number) => Ok(number.as_str().replace('_', "")),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Array(items) => {
            let texts: Result<Vec<_>, _> =
                items.iter().map(|item| text_of(item.get_ref())).collect();
            Ok(texts?.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => {
            Err("a setting is a text, a number, true or false, or a list of texts".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Result<Vec<Entry>, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xmeet.toml");
        fs::write(&path, text).unwrap();
        let (entries, errors) = match read(&path) {
            Ok(read) => read,
            Err(error) => (Vec::new(), vec![error]),
        };
        if errors.is_empty() {
            return Ok(entries);
        }
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Err(messages.join("\n").replace(path.to_str().unwrap(), "FILE"))
    }

    #[test]
    fn values_are_converted_to_command_line_texts() {
        let text = "# A comment.\nlisten = \"[::1]:80\"\n\nhistory-messages = 10_000\n\
                    no-limits = true\nallow-origin = [\"https://a\", \"https://b\"]\n";
        let found = entries(text).unwrap();
        let found: Vec<_> =
            found.iter().map(|e| (e.line, e.key.as_str(), e.text.as_str())).collect();
        let expected = [
            (2, "listen", "[::1]:80"),
            (4, "history-messages", "10000"),
            (5, "no-limits", "true"),
            (6, "allow-origin", "https://a,https://b"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn unsupported_value_is_an_error_with_its_line() {
        let refused = entries("a = 1\n[listen]\nx = 1\n").unwrap_err();
        assert!(refused.starts_with("FILE:2: listen: a setting is"), "{refused}");
        let refused = entries("a = 0x10\n").unwrap_err();
        assert!(refused.starts_with("FILE:1: a: numbers must be decimal"), "{refused}");
        let refused = entries("a = 1\nb = \n").unwrap_err();
        assert!(refused.starts_with("FILE:2: "), "{refused}");
        assert_eq!(entries("a = 1\na = 2\n").unwrap_err(), "FILE:2: a: duplicate key");
        let refused = entries("a = 0x10\n[b]\nx = 1\n").unwrap_err();
        assert_eq!(refused.matches("FILE:").count(), 2, "all errors are reported: {refused}");
    }
}
