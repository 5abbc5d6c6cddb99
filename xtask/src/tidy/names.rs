//! The functions and types that the architecture page names must exist, so that a reader can look
//! each of them up.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::sources::rust_files;

/// The page whose names are checked.
const PAGE: &str = "ARCHITECTURE.md";

/// Folders of the sources that the page may name.
const SOURCES: [&str; 4] = ["server/src", "shared/src", "web/src", "xtask/src"];

/// A source file: its path without the extension, and its text.
struct Source {
    path: String,
    text: String,
}

/// Returns a finding for each `Type::name` and `module::name` in backticks that no source defines.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut sources = Vec::new();
    for folder in SOURCES {
        for file in rust_files(&root.join(folder))? {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let path = file.with_extension("").display().to_string();
            sources.push(Source { path, text });
        }
    }
    let page = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    Ok(undefined_names(&page, &sources))
}

fn undefined_names(page: &str, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in page.lines().enumerate() {
        for code in line.split('`').skip(1).step_by(2) {
            if let Some((owner, name)) = as_name(code)
                && !sources.iter().any(|source| source.defines(owner, name))
            {
                findings.push(format!("{PAGE}:{} names `{code}`, which is not there", index + 1));
            }
        }
    }
    findings
}

/// Splits `Type::name`. Returns `None` for other code, as paths, commands and longer paths of names.
fn as_name(code: &str) -> Option<(&str, &str)> {
    let (owner, name) = code.split_once("::")?;
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    (is_word(owner) && is_word(name)).then_some((owner, name))
}

impl Source {
    /// Returns whether this file defines a function, type, constant or variant of this name, and
    /// either has the owner's definition or implementation or is the owner's module.
    fn defines(&self, owner: &str, name: &str) -> bool {
        let is_module = self.path.split('/').any(|part| part == owner);
        if !is_module && !self.has_type(owner) {
            return false;
        }
        let is_variant = |line: &str| {
            line.trim_start().strip_prefix(name).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with([',', '(', ' ']) && !rest.starts_with(" =")
            })
        };
        ["fn ", "mod ", "struct ", "enum ", "trait ", "type ", "const ", "static "]
            .iter()
            .any(|keyword| has_word(&self.text, &format!("{keyword}{name}")))
            || name.starts_with(char::is_uppercase) && self.text.lines().any(is_variant)
    }

    fn has_type(&self, owner: &str) -> bool {
        ["struct ", "enum ", "trait ", "impl "]
            .iter()
            .any(|keyword| has_word(&self.text, &format!("{keyword}{owner}")))
            || self.text.contains(&format!(" for {owner} {{"))
    }
}

/// Returns whether the text has `words`, not followed by more of the last word.
fn has_word(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let next = text[at + words.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn named_functions_and_variants_are_looked_up_where_their_owner_is() {
        let sources = [
            source("server/src/room/state", "impl Room {\n    pub fn handle(&mut self) {}\n}"),
            source("server/src/room/interface", "pub enum Input {\n    Say { text: String },\n}"),
            source("server/src/http/mod", "pub async fn upgrade() {}"),
            source(
                "server/src/history/sqlite/mod",
                "impl History for SqliteHistory {\n fn append()",
            ),
        ];
        let page =
            "`Room::handle`, `Input::Say`, `http::upgrade`, `SqliteHistory::append`, `a/b.rs`";
        assert_eq!(undefined_names(page, &sources), Vec::<String>::new());
        let wrong =
            "first\n`Room::handled`, `Room::hand`\n`Input::Tell`, `Hub::handle`, `hub::upgrade`";
        let expected = [
            "ARCHITECTURE.md:2 names `Room::handled`, which is not there",
            "ARCHITECTURE.md:2 names `Room::hand`, which is not there",
            "ARCHITECTURE.md:3 names `Input::Tell`, which is not there",
            "ARCHITECTURE.md:3 names `Hub::handle`, which is not there",
            "ARCHITECTURE.md:3 names `hub::upgrade`, which is not there",
        ];
        assert_eq!(undefined_names(wrong, &sources), expected);
    }
}
