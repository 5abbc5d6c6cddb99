//! The version of this build. `build/version.rs` reads it from git. Only release builds include the commit
//! and the build date, so that a new commit does not rebuild a development build.

use std::sync::LazyLock;

use jiff::Timestamp;

/// The version, such as `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, such as `1a2b3c4d5e6f`; `development` or `unknown` if it is not included.
pub const COMMIT: &str = env!("XMEET_BUILD_COMMIT");

/// The build date in UTC, such as `2026-11-27`; `unknown` in a development build.
pub static BUILD_DATE: LazyLock<String> = LazyLock::new(|| day(env!("XMEET_BUILD_SECONDS")));

/// The text of `xmeet --version` after the name.
pub static LINE: LazyLock<String> =
    LazyLock::new(|| format!("{VERSION} (commit {COMMIT}, built {})", *BUILD_DATE));

/// Formats a Unix time in seconds as a date in UTC; `unknown` if it is not a number.
fn day(seconds: &str) -> String {
    let moment = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| "unknown".to_owned(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_date_is_in_utc() {
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
