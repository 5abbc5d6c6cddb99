//! The browser that the browser tests drive.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::apt;
use crate::process::on_path;

/// Under these names it may be on PATH.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// With the fonts, without which Chinese text and emoji are boxes in every screenshot.
const PACKAGES: [&str; 3] = ["chromium", "fonts-noto-cjk", "fonts-noto-color-emoji"];

const HELP: &str = "the browser tests need Chromium. Install it, or set CHROMIUM to its path; \
                    `cargo xtask test host` runs everything else";

/// The browser's path: what `CHROMIUM` says, else what is on PATH, else what Debian has.
pub(crate) fn provide() -> Result<PathBuf> {
    if let Some(chosen) = env::var_os("CHROMIUM").map(PathBuf::from) {
        ensure!(chosen.is_file(), "CHROMIUM is {}, which is no file", chosen.display());
        return Ok(chosen);
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&PACKAGES).context(HELP)?;
    find().context(HELP)
}

fn find() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| on_path(name))
}
