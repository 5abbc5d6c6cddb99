//! Which xmeet this is. `build/version.rs` asks git; a release says its commit and the day it was
//! built, a build for development neither, so that a commit alone is no reason to build it anew.

use std::sync::LazyLock;

use jiff::Timestamp;

/// The version, as in `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, as in `1a2b3c4d5e6f`; `development` or `unknown` where it is not known.
pub const COMMIT: &str = env!("XMEET_BUILD_COMMIT");

/// The day it was built, UTC, as in `2026-11-27`; `unknown` for a build for development.
pub static BUILD_DATE: LazyLock<String> = LazyLock::new(|| day(env!("XMEET_BUILD_SECONDS")));

/// All of it, as `xmeet --version` says it behind the name.
pub static LINE: LazyLock<String> =
    LazyLock::new(|| format!("{VERSION} (commit {COMMIT}, built {})", *BUILD_DATE));

fn day(seconds: &str) -> String {
    let moment = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| "unknown".to_owned(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_utc() {
        for (seconds, expected) in [
            ("", "unknown"),
            ("0", "1970-01-01"),
            ("1795823999", "2026-11-27"),
            ("-1", "1969-12-31"),
        ] {
            assert_eq!(day(seconds), expected);
        }
        assert!(LINE.starts_with(&format!("{VERSION} (commit ")));
    }
}
