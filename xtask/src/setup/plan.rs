//! The list of missing tools: printed first, then installed.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::apt;
use crate::paths::Workspace;
use crate::process::say;

type Install<'a> = Box<dyn FnOnce() -> Result<()> + 'a>;

/// A tool that the machine lacks, and its installation.
pub(super) struct Missing<'a> {
    name: String,
    /// The purpose of the tool.
    purpose: &'static str,
    /// The source of the tool.
    source: String,
    /// How long the installation takes on two cores, roughly.
    seconds: u32,
    /// Whether the project also works without the tool.
    pub(super) is_optional: bool,
    /// Debian packages to install before [`Self::install`] runs.
    packages: &'static [&'static str],
    install: Install<'a>,
}

impl<'a> Missing<'a> {
    /// A tool with an installation of its own.
    pub(super) fn new(
        name: impl Into<String>,
        purpose: &'static str,
        (source, seconds): (impl Into<String>, u32),
        install: impl FnOnce() -> Result<()> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            purpose,
            source: source.into(),
            seconds,
            is_optional: false,
            packages: &[],
            install: Box::new(install),
        }
    }

    /// A tool that is in Debian.
    pub(super) fn debian(
        name: &str,
        purpose: &'static str,
        packages: &'static [&'static str],
    ) -> Self {
        let source = format!("Debian's {}", packages.join(", "));
        Self { packages, ..Self::new(name, purpose, (source, 60), || Ok(())) }
    }

    pub(super) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// Describes the tool in one line.
    fn line(&self) -> String {
        let optional = if self.is_optional { "optional; " } else { "" };
        let Self { name, purpose, source, seconds, .. } = self;
        format!("{name}: {purpose} ({optional}{source}; {})", duration(*seconds))
    }

    /// The file that records a failed installation of an optional tool.
    fn failure(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools.join(format!("{}.failed", self.name.replace(' ', "-")))
    }
}

/// Removes the optional tools whose installation failed before. Only `cargo xtask setup` tries to install
/// these again.
pub(super) fn drop_failed(workspace: &Workspace, missing: &mut Vec<Missing>) {
    missing.retain(|tool| !(tool.is_optional && tool.failure(workspace).exists()));
}

/// Returns a line for each tool.
pub(super) fn list(missing: &[Missing]) -> String {
    missing.iter().fold(String::new(), |mut text, tool| {
        let _ = write!(text, "\n  {}", tool.line());
        text
    })
}

/// Prints the list of missing tools and installs them.
///
/// # Errors
/// At the first tool that cannot be installed and is not optional.
pub(super) fn install(workspace: &Workspace, missing: Vec<Missing>) -> Result<()> {
    let total = duration(missing.iter().map(|tool| tool.seconds).sum());
    say(&format!("installing missing tools ({total} in all):{}", list(&missing)));
    fs::create_dir_all(&workspace.tools)
        .with_context(|| format!("cannot make {}", workspace.tools.display()))?;
    let packages: Vec<_> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    if !packages.is_empty() {
        apt::install(&packages)?;
    }
    for tool in missing {
        let failure = tool.failure(workspace);
        match (tool.install)() {
            Ok(()) => drop(fs::remove_file(failure)),
            Err(error) if tool.is_optional => {
                say(&format!(
                    "warning: {} is optional and could not be installed: {error:#}",
                    tool.name
                ));
                fs::write(&failure, "")
                    .with_context(|| format!("cannot write {}", failure.display()))?;
            }
            Err(error) => {
                return Err(error.context(format!("{} could not be installed", tool.name)));
            }
        }
    }
    Ok(())
}

/// Formats a duration, such as `40 s` or `4 min`.
fn duration(seconds: u32) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn workspace(name: &str) -> Workspace {
        let tools = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        Workspace { root: tools.clone(), target: tools.clone(), tools }
    }

    fn tool<'a>(name: &str, install: impl FnOnce() -> Result<()> + 'a) -> Missing<'a> {
        Missing::new(name, "tests this list", ("npm", 61), install)
    }

    #[test]
    fn list_names_purpose_source_and_duration() {
        let missing =
            [tool("a 1.2", || Ok(())), Missing::debian("b", "draws", &["b", "c"]).optional()];
        let expected = "\n  a 1.2: tests this list (npm; 2 min)\n  \
                        b: draws (optional; Debian's b, c; 1 min)";
        assert_eq!(list(&missing), expected);
    }

    #[test]
    fn failed_optional_tool_is_dropped_from_the_next_list() {
        let workspace = workspace("optional");
        let failing = || tool("a 1", || anyhow::bail!("no network")).optional();
        install(&workspace, vec![failing()]).unwrap();
        let mut missing = vec![failing(), tool("b", || Ok(()))];
        drop_failed(&workspace, &mut missing);
        assert_eq!(missing.len(), 1);
        install(&workspace, vec![tool("a 1", || Ok(())).optional()]).unwrap();
        let mut missing = vec![failing()];
        drop_failed(&workspace, &mut missing);
        assert_eq!(missing.len(), 1);
        fs::remove_dir_all(&workspace.tools).unwrap();
    }

    #[test]
    fn failed_required_tool_ends_the_installation() {
        let workspace = workspace("required");
        let is_reached = Cell::new(false);
        let next = || {
            is_reached.set(true);
            Ok(())
        };
        let missing = vec![tool("a", || anyhow::bail!("no network")), tool("b", next)];
        let error = install(&workspace, missing).unwrap_err();
        assert_eq!(format!("{error:#}"), "a could not be installed: no network");
        assert!(!is_reached.get());
        fs::remove_dir_all(&workspace.tools).unwrap();
    }
}
