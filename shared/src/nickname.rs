//! Nicknames, cleaned on construction.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::invisible::{
    can_be_seen, is_annotation_mark, is_bidi_control, is_blank_glyph, is_ignorable, is_shaping,
};
use crate::limits::NICKNAME_CHARS_MAX;
use crate::steps;

/// A cleaned nickname. It has 1 to [`NICKNAME_CHARS_MAX`] characters, at least one of them visible. It
/// has no control characters, and no invisible characters except those that shape their neighbours.
/// White space is single spaces between other characters. Nicknames need not be unique.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nickname(Arc<str>);

/// Why a text is not a nickname.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NicknameError {
    /// No visible character is left after cleaning.
    #[error("the nickname is empty")]
    Empty,
    /// More than [`NICKNAME_CHARS_MAX`] characters are left after cleaning.
    #[error("the nickname has {chars} characters; {NICKNAME_CHARS_MAX} are allowed")]
    TooLong {
        /// Length after cleaning.
        chars: usize,
    },
}

impl Nickname {
    /// Cleans the name of a `@changename:` command.
    ///
    /// # Errors
    /// If the cleaned name has no visible character or is too long.
    pub fn new(text: &str) -> Result<Self, NicknameError> {
        let cleaned = clean(text);
        if !can_be_seen(&cleaned) {
            return Err(NicknameError::Empty);
        }
        let chars = cleaned.chars().count();
        if chars > NICKNAME_CHARS_MAX {
            return Err(NicknameError::TooLong { chars });
        }
        Ok(Self(cleaned.into()))
    }

    /// Cleans the name of a handshake, and cuts it after [`NICKNAME_CHARS_MAX`] characters. Returns
    /// `None` if no visible character is left.
    #[must_use]
    pub fn from_handshake(text: &str) -> Option<Self> {
        let cleaned = clean(text);
        let kept: String = cleaned.chars().take(NICKNAME_CHARS_MAX).collect();
        Self::new(&kept).ok()
    }

    /// Accepts a name from the store or from a server without a check. Cleaning it again could reject
    /// names that older rules allowed.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Removes forbidden characters and collapses white space.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut space_waits = false;
    for (_, c) in steps::chars(text) {
        if c.is_whitespace() || is_blank_glyph(c) {
            space_waits = !cleaned.is_empty();
        } else if !is_dropped(c) {
            if space_waits {
                cleaned.push(' ');
                space_waits = false;
            }
            cleaned.push(c);
        }
    }
    cleaned
}

/// Returns whether `c` is forbidden in names because it could hide or reorder text. Joiners and
/// selectors are allowed, because Persian words and emoji need them.
fn is_dropped(c: char) -> bool {
    let is_hidden = is_ignorable(c) || is_bidi_control(c) || is_annotation_mark(c);
    c.is_control() || (is_hidden && !is_shaping(c))
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nickname({:?})", &*self.0)
    }
}

impl Serialize for Nickname {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Nickname {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> Option<String> {
        Nickname::from_handshake(text).map(|name| name.to_string())
    }

    #[test]
    fn ordinary_names_stay_unchanged() {
        for name in ["小明", "黑旋风李逵", "Zoë", "<b>x</b>", "a:b;c=\"d\"", "👨‍👩‍👧", "می‌خواهم"]
        {
            assert_eq!(Nickname::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn white_space_is_trimmed_and_collapsed() {
        assert_eq!(cleaned("  a \t\n b\u{3000}c "), Some("a b c".to_owned()));
    }

    #[test]
    fn control_and_bidi_characters_are_removed() {
        assert_eq!(cleaned("a\u{0}b\u{202E}c\u{2066}d\u{7F}"), Some("abcd".to_owned()));
        assert_eq!(cleaned("a\r\nSet-Cookie: x"), Some("a Set-Cookie: x".to_owned()));
    }

    #[test]
    fn invisible_name_is_rejected() {
        for text in [
            "",
            "   ",
            "\u{200B}\u{FEFF}",
            "\u{202E}",
            "\u{200D}",
            "\u{3164}",
            "\u{2800} \u{2800}",
            "\u{FE0F}",
            "\u{FFF0}",
            "\u{1D173}\u{E0001}",
            "\u{FFA0}\u{115F}",
        ] {
            assert_eq!(cleaned(text), None, "{text:?}");
            assert_eq!(Nickname::new(text), Err(NicknameError::Empty), "{text:?}");
        }
    }

    #[test]
    fn invisible_characters_do_not_make_a_different_name() {
        for code in ('\0'..=char::MAX).filter(|c| crate::invisible::is_invisible(*c)) {
            let text = format!("B{code}ob{code}");
            let name = cleaned(&text).unwrap();
            let is_plain = ["Bob", "B ob"].contains(&name.as_str());
            assert!(is_plain || is_shaping(code), "{code:?} gives {name:?}");
        }
    }

    #[test]
    fn emoji_sequences_and_joined_words_stay_unchanged() {
        for name in ["👨‍👩‍👧", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "葛󠄀", "1️⃣"]
        {
            assert_eq!(cleaned(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn handshake_cuts_names_at_32_characters_and_rename_rejects_33() {
        assert_eq!(cleaned(&"界".repeat(40)), Some("界".repeat(32)));
        assert!(Nickname::new(&"界".repeat(32)).is_ok());
        assert_eq!(Nickname::new(&"界".repeat(33)), Err(NicknameError::TooLong { chars: 33 }));
        // No space remains at the place of the cut.
        assert_eq!(cleaned(&format!("{} b", "a".repeat(31))), Some("a".repeat(31)));
    }
}
