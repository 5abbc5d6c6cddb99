//! Checks that each test exists that a document names. The browser tests check the list of the web
//! client.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::sources;

/// Documents with tables whose last column names tests.
const DOCUMENTS: [&str; 2] = ["docs/acceptance-server.md", "docs/autobahn.md"];

/// A further document, which need not exist.
const FAULTS: &str = "docs/acceptance-faults.md";

/// A test, as a document names it.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// A function.
    Function(&'a str),
    /// A browser test: its file, and the start of its name.
    Browser(&'a str, &'a str),
}

/// Returns a finding for each test that a document names and that does not exist.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut functions = HashSet::new();
    for file in sources::rust_files(root)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        functions.extend(test_functions(&text).map(str::to_owned));
    }
    let faults = root.join(FAULTS).is_file().then_some(FAULTS);
    let mut findings = Vec::new();
    for document in DOCUMENTS.into_iter().chain(faults) {
        let text = fs::read_to_string(root.join(document))
            .with_context(|| format!("cannot read {document}"))?;
        let missing = named_tests(&text)
            .into_iter()
            .filter(|(_, named)| !is_there(root, &functions, named))
            .map(|(line, named)| format!("{document}:{line} names {named:?}, which is no test"));
        findings.extend(missing);
    }
    Ok(findings)
}

fn is_there(root: &Path, functions: &HashSet<String>, named: &Named<'_>) -> bool {
    match *named {
        Named::Function(name) => functions.contains(name),
        Named::Browser(file, begins) => {
            let file = root.join(format!("e2e/tests/{file}.test.mjs"));
            fs::read_to_string(file).is_ok_and(|text| has_story(&text, begins))
        }
    }
}

/// Returns the tests in the last column of all tables, with their line numbers.
fn named_tests(text: &str) -> Vec<(usize, Named<'_>)> {
    let mut tests = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let cells = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
        let Some((_, held_by)) = cells.and_then(|cells| cells.rsplit_once(" | ")) else { continue };
        let quoted = held_by.split('`').skip(1).step_by(2);
        tests.extend(quoted.filter_map(named).map(|test| (index + 1, test)));
    }
    tests
}

/// Returns the test that a quoted text names. Commands and files name none.
fn named(quoted: &str) -> Option<Named<'_>> {
    let is_of = |text: &str, more: char| {
        text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == more)
    };
    match quoted.split_once(": ") {
        Some((file, name)) if is_of(file, '-') => Some(Named::Browser(file, name)),
        None if quoted.contains('_') && is_of(quoted, '_') => Some(Named::Function(quoted)),
        _ => None,
    }
}

/// Returns the names of the tests in a Rust file.
fn test_functions(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().map(str::trim_start).filter_map(move |line| {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        let name = rest.split_once('(').map(|(name, _)| name);
        name.filter(|_| std::mem::take(&mut is_test))
    })
}

/// Returns whether a browser test's name begins so. `…` stands for any text.
fn has_story(text: &str, begins: &str) -> bool {
    let pieces: Vec<_> = begins.split('…').collect();
    text.split("story(").skip(1).any(|story| {
        let name = story.trim_start().lines().next().unwrap_or_default();
        let Some(name) = name.strip_prefix(['\'', '"', '`']) else { return false };
        let mut rest = name;
        pieces.iter().enumerate().all(|(place, piece)| match rest.find(piece) {
            Some(at) if at == 0 || place > 0 => {
                rest = &rest[at + piece.len()..];
                true
            }
            _ => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_in_the_last_column_are_named() {
        let text = "`not_in_a_table`\n| `a_b` | `c_d`, `cargo run --x a_b`, `a/b_c.md` |\n\
                    | line | `a-file: begins so` and `e_f` |\n";
        let expected = vec![
            (2, Named::Function("c_d")),
            (3, Named::Browser("a-file", "begins so")),
            (3, Named::Function("e_f")),
        ];
        assert_eq!(named_tests(text), expected);
    }

    #[test]
    fn functions_with_a_test_attribute_are_tests() {
        let text = "fn no() {}\n#[test]\nfn a() {}\n    #[tokio::test(x)]\n    async fn b() {}\n\
                    async fn neither() {}\n#[test]\n#[ignore]\nfn c(\n";
        assert_eq!(test_functions(text).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn browser_test_is_found_by_the_start_of_its_name() {
        let text = "story('one thing', x);\n  story(\n    `two ${kinds} of it`, x)";
        for begins in ["one", "one thing", "two … of", "two …"] {
            assert!(has_story(text, begins), "{begins}");
        }
        for begins in ["thing", "two of", "two … of them", "x"] {
            assert!(!has_story(text, begins), "{begins}");
        }
    }
}
