//! Resume tokens (`session` in the address of a room).

use std::fmt;

use crate::limits::{SESSION_TOKEN_CHARS_MAX, SESSION_TOKEN_CHARS_MIN};

/// A random secret of a client; a browser has one for each tab. A connection with the token of a member
/// takes over that member, so the server never logs or sends a token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionToken(Box<str>);

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session is {SESSION_TOKEN_CHARS_MIN} to {SESSION_TOKEN_CHARS_MAX} characters of A-Z, a-z, 0-9, - and _"
)]
pub struct SessionTokenError;

impl SessionToken {
    /// Validates a received token.
    ///
    /// # Errors
    /// If it is too short, too long, or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, SessionTokenError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (SESSION_TOKEN_CHARS_MIN..=SESSION_TOKEN_CHARS_MAX).contains(&text.len());
        if fits && text.bytes().all(is_safe) {
            Ok(Self(text.into()))
        } else {
            Err(SessionTokenError)
        }
    }

    /// Returns the token for the address of a room. Use it for nothing else.
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
    fn token_has_bounded_length_and_url_safe_characters() {
        for text in ["a".repeat(22), "Z9-_".repeat(16)] {
            assert_eq!(SessionToken::new(&text).unwrap().expose(), text);
        }
        for text in ["a".repeat(21), "a".repeat(65), "a".repeat(30) + "+", "é".repeat(20)] {
            assert_eq!(SessionToken::new(&text), Err(SessionTokenError), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_the_token() {
        let token = SessionToken::new("abcdefghijklmnopqrstuvwxyz").unwrap();
        assert!(!format!("{token:?}").contains("abc"));
    }
}
