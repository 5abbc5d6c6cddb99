//! The pinned versions of the web build's tools, from the two files that name them.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::paths::Workspace;

/// The pinned version of each tool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pins {
    /// trunk, as in `0.21.14`.
    pub(crate) trunk: String,
    /// The wasm-bindgen command: the version of the library in `Cargo.lock`.
    pub(crate) wasm_bindgen: String,
    /// binaryen's release number, as in `132`; its wasm-opt calls itself `version_132`.
    pub(crate) wasm_opt: String,
}

impl Pins {
    /// Reads `Trunk.toml` and `Cargo.lock`.
    ///
    /// # Errors
    /// If a version is missing, or the two files differ about wasm-bindgen.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let text = |name: &str| {
            fs::read_to_string(workspace.root.join(name))
                .with_context(|| format!("cannot read {name}"))
        };
        Self::parse(&text("Trunk.toml")?, &text("Cargo.lock")?)
    }

    fn parse(trunk_toml: &str, cargo_lock: &str) -> Result<Self> {
        // The value of a key of Trunk.toml, without the text before the version.
        let pinned = |key: &str, before: &str| {
            let value = toml_string(trunk_toml, key).and_then(|value| value.strip_prefix(before));
            value.with_context(|| format!("Trunk.toml has no line `{key} = \"{before}…\"`"))
        };
        let wasm_bindgen = locked_version(cargo_lock, "wasm-bindgen").context(
            "Cargo.lock has no package wasm-bindgen, so there is no web client to build",
        )?;
        let pinned_wasm_bindgen = pinned("wasm_bindgen", "")?;
        ensure!(
            pinned_wasm_bindgen == wasm_bindgen,
            "Trunk.toml has wasm-bindgen {pinned_wasm_bindgen} and Cargo.lock has {wasm_bindgen}: \
             the command and the library must have the same version, so set `wasm_bindgen = \
             \"{wasm_bindgen}\"` in Trunk.toml"
        );
        Ok(Self {
            trunk: pinned("trunk-version", "=")?.to_owned(),
            wasm_bindgen: wasm_bindgen.to_owned(),
            wasm_opt: pinned("wasm_opt", "version_")?.to_owned(),
        })
    }
}

/// Returns the value of the first line `key = "value"`. The keys in question are unique in Trunk.toml,
/// so this needs no TOML parser.
fn toml_string<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?;
        let value = value.trim_start().strip_prefix('"')?;
        value.split_once('"').map(|(value, _)| value)
    })
}

/// Returns the version of a package in a `Cargo.lock`, which cargo always writes in one form.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUNK: &str = "trunk-version = \"=0.21.14\" # why\n[tools]\n\
                         wasm_bindgen = \"0.2.130\"\nwasm_opt = \"version_132\"\n";
    const LOCK: &str = "version = 4\n\n\
        [[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.2.99\"\n\n\
        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";

    #[test]
    fn versions_come_from_both_files() {
        let expected = Pins {
            trunk: "0.21.14".into(),
            wasm_bindgen: "0.2.130".into(),
            wasm_opt: "132".into(),
        };
        assert_eq!(Pins::parse(TRUNK, LOCK).unwrap(), expected);
    }

    #[test]
    fn two_versions_of_wasm_bindgen_are_an_error() {
        let lock = LOCK.replace("0.2.130", "0.2.131");
        let error = Pins::parse(TRUNK, &lock).unwrap_err().to_string();
        assert!(error.contains("set `wasm_bindgen = \"0.2.131\"`"), "{error}");
    }

    #[test]
    fn missing_line_is_named() {
        let error = Pins::parse("[tools]\nwasm_bindgen = \"0.2.130\"\n", LOCK).unwrap_err();
        assert_eq!(error.to_string(), "Trunk.toml has no line `trunk-version = \"=…\"`");
    }

    #[test]
    fn longer_name_is_another_package() {
        assert_eq!(locked_version(LOCK, "wasm-bindgen-macro"), Some("0.2.99"));
        assert_eq!(locked_version(LOCK, "wasm"), None);
    }
}
