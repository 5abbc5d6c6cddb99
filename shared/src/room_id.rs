//! Room ids (`xnest_id`), validated on construction.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::{ROOM_ID_BYTES_MAX, ROOM_ID_CHARS_ADVISED_MAX};

/// A room's id: 1 to [`ROOM_ID_BYTES_MAX`] bytes of UTF-8 without control characters. It is one
/// path segment, so `.` and `..` are not ids: browsers remove them from an address.
///
/// Ids are compared byte by byte, without case folding or Unicode normalisation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(Arc<str>);

/// Why a text is not a room id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomIdError {
    /// The text is empty.
    #[error("the room id is empty")]
    Empty,
    /// The text has more than [`ROOM_ID_BYTES_MAX`] bytes.
    #[error("the room id has {bytes} bytes; {ROOM_ID_BYTES_MAX} are allowed")]
    TooLong {
        /// Length in bytes of UTF-8.
        bytes: usize,
    },
    /// The text has a control character (Unicode category Cc).
    #[error("the room id contains a control character")]
    ControlCharacter,
    /// The text is `.` or `..`, which an address cannot contain.
    #[error("'.' and '..' cannot be room ids")]
    DotSegment,
}

impl RoomId {
    /// Validates a percent-decoded text.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn new(text: &str) -> Result<Self, RoomIdError> {
        if text.is_empty() {
            return Err(RoomIdError::Empty);
        }
        if text.len() > ROOM_ID_BYTES_MAX {
            return Err(RoomIdError::TooLong { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(RoomIdError::ControlCharacter);
        }
        if matches!(text, "." | "..") {
            return Err(RoomIdError::DotSegment);
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the id is longer than the protocol's author advises.
    #[must_use]
    pub fn is_longer_than_advised(&self) -> bool {
        self.0.chars().count() > ROOM_ID_CHARS_ADVISED_MAX
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({:?})", &*self.0)
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_room_ids_are_accepted() {
        for text in
            ["f45c6d7720375d90f660a7b7e3ae11bf", "xnestname", "123", "聊天室", "a b", "a/b", "..."]
        {
            assert_eq!(RoomId::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        assert_eq!(RoomId::new(""), Err(RoomIdError::Empty));
        assert_eq!(RoomId::new("a\u{0}"), Err(RoomIdError::ControlCharacter));
        assert_eq!(RoomId::new("a\u{85}"), Err(RoomIdError::ControlCharacter));
        assert_eq!(RoomId::new("."), Err(RoomIdError::DotSegment));
        assert_eq!(RoomId::new(".."), Err(RoomIdError::DotSegment));
    }

    #[test]
    fn limit_counts_bytes_and_advice_counts_characters() {
        assert!(RoomId::new(&"a".repeat(128)).is_ok());
        assert_eq!(RoomId::new(&"a".repeat(129)), Err(RoomIdError::TooLong { bytes: 129 }));
        assert_eq!(RoomId::new(&"界".repeat(43)), Err(RoomIdError::TooLong { bytes: 129 }));
        assert!(!RoomId::new(&"界".repeat(32)).unwrap().is_longer_than_advised());
        assert!(RoomId::new(&"界".repeat(33)).unwrap().is_longer_than_advised());
    }
}
