//! What a client resumes by (`session` in the address of a room).

use std::fmt;

use crate::limits::{SESSION_TOKEN_CHARS_MAX, SESSION_TOKEN_CHARS_MIN};

/// A secret that a client drew at random, one for each browser tab. Whoever shows it again takes
/// its member over, so it is never logged and never sent to anybody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionToken(Box<str>);

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session is {SESSION_TOKEN_CHARS_MIN} to {SESSION_TOKEN_CHARS_MAX} characters of A-Z, a-z, 0-9, - and _"
)]
pub struct SessionTokenError;

impl SessionToken {
    /// Takes a token as it was received.
    ///
    /// # Errors
    /// [`SessionTokenError`] when it is too short, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, SessionTokenError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (SESSION_TOKEN_CHARS_MIN..=SESSION_TOKEN_CHARS_MAX).contains(&text.len());
        if fits && text.bytes().all(is_safe) {
            Ok(Self(text.into()))
        } else {
            Err(SessionTokenError)
        }
    }

    /// The token as text, for the address of a room and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_url_safe_and_neither_short_nor_long() {
        for text in ["a".repeat(22), "Z9-_".repeat(16)] {
            assert_eq!(SessionToken::new(&text).unwrap().expose(), text);
        }
        for text in ["a".repeat(21), "a".repeat(65), "a".repeat(30) + "+", "é".repeat(20)] {
            assert_eq!(SessionToken::new(&text), Err(SessionTokenError), "{text}");
        }
    }

    #[test]
    fn a_token_never_shows_in_a_log() {
        let token = SessionToken::new("abcdefghijklmnopqrstuvwxyz").unwrap();
        assert!(!format!("{token:?}").contains("abc"));
    }
}
