//! The browsers of the browser tests: Chromium for all of them, Firefox for their core.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::plan::Missing;
use crate::process::on_path;

/// A browser, and where to find it.
pub(crate) struct Browser {
    name: &'static str,
    purpose: &'static str,
    /// The environment variable with the path of the browser to use.
    variable: &'static str,
    /// Its names on PATH.
    programs: &'static [&'static str],
    packages: &'static [&'static str],
}

/// The packages include fonts: without them, screenshots show boxes for Chinese text and emoji.
pub(crate) const CHROMIUM: Browser = Browser {
    name: "Chromium",
    purpose: "runs the browser tests",
    variable: "CHROMIUM",
    programs: &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    packages: &["chromium", "fonts-noto-cjk", "fonts-noto-color-emoji"],
};

pub(crate) const FIREFOX: Browser = Browser {
    name: "Firefox",
    purpose: "runs the core of the browser tests",
    variable: "FIREFOX",
    programs: &["firefox-esr", "firefox"],
    packages: &["firefox-esr"],
};

/// Returns the installations of the missing browsers.
pub(super) fn missing() -> Result<Vec<Missing<'static>>> {
    let mut missing = Vec::new();
    for browser in [CHROMIUM, FIREFOX] {
        if browser.path()?.is_none() {
            missing.push(Missing::debian(browser.name, browser.purpose, browser.packages));
        }
    }
    Ok(missing)
}

impl Browser {
    /// Returns the path of the browser: the one that its variable names, else one on PATH.
    pub(crate) fn find(&self) -> Result<PathBuf> {
        let Self { name, variable, .. } = self;
        self.path()?.with_context(|| {
            format!(
                "{name} is missing. Install it, or set {variable} to its path; \
                 `cargo xtask test host` runs the tests that need no browser"
            )
        })
    }

    fn path(&self) -> Result<Option<PathBuf>> {
        let Some(chosen) = env::var_os(self.variable).map(PathBuf::from) else {
            return Ok(self.programs.iter().find_map(|name| on_path(name)));
        };
        ensure!(chosen.is_file(), "{} is {}, which is no file", self.variable, chosen.display());
        Ok(Some(chosen))
    }
}
