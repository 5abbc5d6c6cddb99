//! Checks that the required documents exist, and the paths that ARCHITECTURE.md names.

use std::fs;
use std::path::Path;

use anyhow::Result;

const REQUIRED: [&str; 4] = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"];

/// The document with the map of the source tree.
const MAP: &str = "ARCHITECTURE.md";

/// Returns a finding for each missing document and each wrong path.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let missing = REQUIRED.iter().filter(|name| !root.join(name).is_file());
    let mut findings: Vec<_> = missing.map(|name| format!("there is no {name}")).collect();
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let map = fs::read_to_string(root.join(MAP)).unwrap_or_default();
    for (number, path) in named_paths(&map) {
        if !is_built(path, &ignored) && !root.join(path).exists() {
            findings.push(format!("{MAP}:{number} names `{path}`, which is not there"));
        }
    }
    Ok(findings)
}

/// Returns the paths between backticks, with their line numbers. Code blocks do not count: they contain
/// commands and pictures.
fn named_paths(text: &str) -> Vec<(usize, &str)> {
    let mut in_block = false;
    let mut paths = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let quoted = line.split('`').skip(1).step_by(2);
            paths.extend(quoted.filter(|word| is_path(word)).map(|path| (index + 1, path)));
        }
    }
    paths
}

/// Returns whether a word is a path, as `server/src/main.rs` and `docs/` are, and `text/html`,
/// `/room/{id}` and `a / b` are not.
fn is_path(word: &str) -> bool {
    const KINDS: [&str; 9] =
        [".rs", ".md", ".toml", ".lock", ".js", ".mjs", ".css", ".html", ".json"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let file = KINDS.iter().any(|kind| word.ends_with(kind));
    word.contains('/')
        && !word.starts_with('/')
        && word.chars().all(plain)
        && (file || word.ends_with('/'))
}

/// Returns whether git ignores a path: it is built or installed, so it may be missing.
fn is_built(path: &str, ignored: &str) -> bool {
    let ignored = ignored.lines().filter_map(|line| line.trim().strip_prefix('/'));
    ignored.map(|line| line.trim_end_matches('/')).any(|folder| Path::new(path).starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_backticks_are_paths_or_other_code() {
        let text = "The map: `server/src/main.rs`, `docs/` and `room`.\n\
                    ```\nrun `web/gone.rs`\n```\n\
                    `text/html`, `/room/{id}`, `a / b.rs`, `main.rs`, `web/index.html`";
        let expected = vec![(1, "server/src/main.rs"), (1, "docs/"), (5, "web/index.html")];
        assert_eq!(named_paths(text), expected);
    }

    #[test]
    fn ignored_paths_are_built() {
        let ignored = "/target\n/web/dist/\n";
        assert!(is_built("target/release/", ignored));
        assert!(is_built("web/dist/index.html", ignored));
        assert!(!is_built("web/src/main.rs", ignored));
        assert!(!is_built("targets/", ignored));
    }
}
