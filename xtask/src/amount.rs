//! The argument of a command that takes a number or nothing.

use std::ffi::OsString;

use anyhow::{Result, bail};

/// Returns the number, which is at least 1, or the default. `what` names the number in the error.
pub(crate) fn read(command: &str, arguments: &[OsString], default: u64, what: &str) -> Result<u64> {
    let amount = match arguments {
        [] => Some(default),
        [amount] => amount.to_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    match amount {
        Some(amount) if amount > 0 => Ok(amount),
        _ => bail!("`cargo xtask {command}` takes nothing, or {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_a_number_from_one() {
        let read = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            read("crash", &words, 100, "the number of rounds").map_err(|error| error.to_string())
        };
        assert_eq!(read(&[]), Ok(100));
        assert_eq!(read(&["7"]), Ok(7));
        for words in [&["0"][..], &["-1"], &["many"], &["long"], &["7", "8"]] {
            let said = read(words).unwrap_err();
            assert_eq!(said, "`cargo xtask crash` takes nothing, or the number of rounds");
        }
    }
}
