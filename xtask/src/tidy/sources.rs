//! Checks that each Rust file begins with a module comment and is not too long.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::say;

/// Lines from which a file causes a warning, and lines above which it is a finding.
const LINES_WARN: usize = 400;
const LINES_MAX: usize = 500;

/// Folders without source files of the project.
const FOREIGN: [&str; 3] = ["target", "node_modules", "dist"];

/// Returns a finding for each file without a module comment and each file that is too long.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in rust_files(root)? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        findings.extend(check_file(&name, &text));
        let lines = text.lines().count();
        if (LINES_WARN..=LINES_MAX).contains(&lines) {
            say(&format!("tidy: warning: {name} has {lines} lines; {LINES_MAX} are the limit"));
        }
    }
    Ok(findings)
}

fn check_file(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let purpose = text.lines().next().and_then(|line| line.strip_prefix("//!"));
    if purpose.is_none_or(|purpose| purpose.trim().is_empty()) {
        findings.push(format!("{name} does not begin with a `//!` line about its purpose"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        findings.push(format!("{name} has {lines} lines; the limit is {LINES_MAX}, so split it"));
    }
    findings
}

/// Returns all Rust files of the tree, sorted.
pub(super) fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !FOREIGN.contains(&name.as_ref()) {
                collect(&path, files)?;
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_without_a_module_comment_is_found() {
        assert!(check_file("a.rs", "//! Does a.\nfn a() {}\n").is_empty());
        for text in ["", "fn a() {}\n", "//!\nfn a() {}\n", "// Does a.\n", "\n//! Does a.\n"] {
            assert_eq!(check_file("a.rs", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn file_above_the_limit_is_found() {
        let lines = |count: usize| "//! Does a.\n".repeat(count);
        assert!(check_file("a.rs", &lines(LINES_MAX)).is_empty());
        assert_eq!(check_file("a.rs", &lines(LINES_MAX + 1)).len(), 1);
    }
}
