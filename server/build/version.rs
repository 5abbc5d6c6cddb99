//! Tells the program its commit and when it is built, as the variables `XMEET_BUILD_COMMIT` and
//! `XMEET_BUILD_SECONDS`.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Digits of a commit's name.
const COMMIT_DIGITS: usize = 12;

/// Only a release looks: everything else would be built anew after every commit.
pub(crate) fn tell(manifest: &Path) {
    println!("cargo::rerun-if-env-changed=XMEET_COMMIT");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let given = env::var("XMEET_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match given {
        Some(commit) => commit,
        None if is_release => commit(manifest).unwrap_or_else(|| "unknown".to_owned()),
        None => "development".to_owned(),
    };
    let seconds = if is_release { seconds().to_string() } else { String::new() };
    println!("cargo::rustc-env=XMEET_BUILD_COMMIT={commit}");
    println!("cargo::rustc-env=XMEET_BUILD_SECONDS={seconds}");
}

/// The commit that is checked out. Sources out of an archive have none, also where the folder they
/// lie in belongs to some other repository.
fn commit(manifest: &Path) -> Option<String> {
    let root = manifest.parent()?.canonicalize().ok()?;
    if Path::new(&git(&root, &["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != root {
        return None;
    }
    // Every commit and every checkout adds a line to the log of HEAD; where git keeps none, HEAD
    // itself must do. A file that is missing would have cargo run this at every build.
    for name in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(&root, &["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&root, &["rev-parse", &format!("--short={COMMIT_DIGITS}"), "HEAD"])
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Now, or what stands for it in a build that can be repeated to the byte
/// (<https://reproducible-builds.org/specs/source-date-epoch/>), in seconds since 1970.
fn seconds() -> u64 {
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    })
}
