//! The machine-readable `code` of an `error` frame.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The reason of an `error` frame, for programs. The frame's text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `@history:N` with an `N` that is not a decimal number.
    BadCursor,
    /// `@changename:NAME` with a name that is empty or too long.
    BadNickname,
    /// A kind of frame that the server does not support, such as a binary message.
    Unsupported,
    /// The frame is larger than a limit allows.
    TooLarge,
    /// The client exceeded a rate limit. `retry_after_ms` is the time to wait.
    RateLimited,
    /// The server could not store the message, so no member received it; or it could not read a page.
    Storage,
    /// A code that this version does not know.
    Unknown,
}

const TEXTS: [(ErrorCode, &str); 6] = [
    (ErrorCode::BadCursor, "bad_cursor"),
    (ErrorCode::BadNickname, "bad_nickname"),
    (ErrorCode::Unsupported, "unsupported"),
    (ErrorCode::TooLarge, "too_large"),
    (ErrorCode::RateLimited, "rate_limited"),
    (ErrorCode::Storage, "storage"),
];

impl ErrorCode {
    /// Returns the code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TEXTS.iter().find(|(code, _)| *code == self).map_or("unknown", |(_, text)| text)
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        TEXTS.iter().find(|(_, known)| *known == text).map_or(Self::Unknown, |(code, _)| *code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}
