//! The source tree, the build folders and the folder of installed tools.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that commands work in, as absolute paths.
pub(crate) struct Workspace {
    /// The source tree.
    pub(crate) root: PathBuf,
    /// Cargo's build folder.
    pub(crate) target: PathBuf,
    /// Installed tools, a folder `NAME-VERSION` for each. The folder is outside the source tree, so that
    /// every clone shares it, and apart from the user's own tools, so that it replaces none of them.
    pub(crate) tools: PathBuf,
}

impl Workspace {
    /// Finds the folders from the environment.
    ///
    /// # Errors
    /// If there is neither `XMEET_TOOLS_DIR` nor a home folder.
    pub(crate) fn find() -> Result<Self> {
        // `cargo run` sets the variable. The compiled-in value is for a binary that is started directly.
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

    /// The build folder of the web client. Another rustc may compile it than the server, and in one
    /// folder each would discard the other's work.
    pub(crate) fn web_target(&self) -> PathBuf {
        self.target.join("web")
    }

    /// The finished web client, which the server embeds.
    pub(crate) fn web_dist(&self) -> PathBuf {
        self.root.join("web/dist")
    }

    /// The echo server for clients of other projects (`server/examples/echo.rs`).
    pub(crate) fn echo(&self) -> PathBuf {
        self.target.join("debug/examples").join(format!("echo{}", env::consts::EXE_SUFFIX))
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
