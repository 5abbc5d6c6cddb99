//! The argument of a command that takes a number or nothing.

use std::ffi::OsString;

use anyhow::{Result, bail};

/// Parses the only argument of a command as a number of at least 1. Returns the default if there is no
/// argument. `meaning` describes the number in the error.
pub(crate) fn parse(
    command: &str,
    arguments: &[OsString],
    default: u64,
    meaning: &str,
) -> Result<u64> {
    let amount = match arguments {
        [] => Some(default),
        [amount] => amount.to_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    match amount {
        Some(amount) if amount > 0 => Ok(amount),
        _ => bail!("`cargo xtask {command}` takes no argument, or {meaning}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_a_number_from_one() {
        let parse_words = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            parse("crash", &words, 100, "the number of rounds").map_err(|error| error.to_string())
        };
        assert_eq!(parse_words(&[]), Ok(100));
        assert_eq!(parse_words(&["7"]), Ok(7));
        for words in [&["0"][..], &["-1"], &["many"], &["long"], &["7", "8"]] {
            let message = parse_words(words).unwrap_err();
            assert_eq!(message, "`cargo xtask crash` takes no argument, or the number of rounds");
        }
    }
}
