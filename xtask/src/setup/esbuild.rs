//! esbuild, which minifies scripts and style sheets. The build also works without it.

use super::plan::Missing;
use super::{WebTools, npm};
use crate::paths::Workspace;

const PACKAGE: &str = "esbuild@0.28.2";
const PROGRAM: &str = "esbuild";

/// Returns the step that installs esbuild, if missing.
pub(super) fn missing(workspace: &Workspace) -> Option<Missing<'_>> {
    if npm::find(workspace, PACKAGE, PROGRAM).is_some() {
        return None;
    }
    let install = || npm::install(workspace, PACKAGE, PROGRAM);
    let purpose = "minifies scripts and styles";
    Some(Missing::new(PACKAGE, purpose, ("npm, 12 MB", 10), install).optional())
}

/// Finds esbuild, where it could be installed.
pub(super) fn find(workspace: &Workspace, tools: &mut WebTools) {
    tools.esbuild = npm::find(workspace, PACKAGE, PROGRAM);
    let known = if tools.esbuild.is_some() { PACKAGE } else { "no esbuild" };
    tools.versions.push(known.to_owned());
}
