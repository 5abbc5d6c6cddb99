//! Where things are: the source tree, the build folders and the cache of tools.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders every command works in, all of them absolute.
pub(crate) struct Workspace {
    /// The source tree.
    pub(crate) root: PathBuf,
    /// Cargo's build folder.
    pub(crate) target: PathBuf,
    /// Installed tools, one folder `NAME-VERSION` each. It lies outside the source tree so that a
    /// fresh clone finds them again, and apart from the user's own so that it never replaces one.
    pub(crate) tools: PathBuf,
}

impl Workspace {
    /// Finds the folders from what cargo says and from the environment.
    pub(crate) fn find() -> Result<Self> {
        // Set by `cargo run`; the compiled-in value serves whoever starts the binary directly.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            manifest.parent().context("the xtask package has no folder above it")?.to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |folder| absolute(Path::new(&folder)));
        let tools = match (env::var_os("XMEET_TOOLS_DIR"), env::home_dir()) {
            (Some(folder), _) => absolute(Path::new(&folder)),
            (None, Some(home)) => home.join(".cache/xmeet/tools"),
            (None, None) => anyhow::bail!(
                "there is no home folder to keep tools in: set XMEET_TOOLS_DIR to a folder"
            ),
        };
        Ok(Self { root, target, tools })
    }

    /// Where the web client is compiled. Apart from the server's folder, because it may be another
    /// rustc that compiles it and each would throw away the other's work.
    pub(crate) fn web_target(&self) -> PathBuf {
        self.target.join("web")
    }

    /// The compiled web client, which the server embeds.
    pub(crate) fn web_dist(&self) -> PathBuf {
        self.root.join("web/dist")
    }

    /// The finished server.
    pub(crate) fn server(&self) -> PathBuf {
        let name = format!("xmeet{}", env::consts::EXE_SUFFIX);
        self.target.join("release").join(name)
    }
}

fn absolute(path: &Path) -> PathBuf {
    env::current_dir().map_or_else(|_| path.to_path_buf(), |here| here.join(path))
}
