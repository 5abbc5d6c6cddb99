//! Commands: the text frames of clients.

use std::fmt;

use crate::{Cursor, ErrorCode, Nickname, NicknameError};

const CHANGENAME: &str = "@changename:";
const HISTORY: &str = "@history:";
const PRIVATE: &str = "@to:";

/// Separates the receiver of a private message from its text.
const PRIVATE_SEPARATOR: char = '|';

/// A client's text frame.
///
/// ```
/// use xmeet_shared::{ClientCommand, Cursor};
///
/// assert_eq!(ClientCommand::parse("大家好"), Ok(Some(ClientCommand::Say("大家好"))));
/// assert_eq!(ClientCommand::parse("@history:2"), Ok(Some(ClientCommand::History(Cursor(2)))));
/// assert_eq!(ClientCommand::History(Cursor(2)).to_string(), "@history:2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand<'a> {
    /// A message to the room. The room delivers the text unchanged.
    Say(&'a str),
    /// `@changename:NAME`
    ChangeName(Nickname),
    /// `@history:N`
    History(Cursor),
}

/// Why a frame that starts like a command is invalid. The server answers it with an `error` frame and
/// changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// `NAME` in `@changename:NAME` is not a valid nickname.
    #[error(transparent)]
    Nickname(#[from] NicknameError),
    /// `N` in `@history:N` is not a decimal number.
    #[error("a history cursor is a decimal number, from 0")]
    Cursor,
    /// `@to:PID|TEXT`, the original server's private message. It must never reach the whole room.
    #[error("private messages are not supported: nobody received it")]
    Private,
}

impl CommandError {
    /// Returns the code of the `error` frame.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Nickname(_) => ErrorCode::BadNickname,
            Self::Cursor => ErrorCode::BadCursor,
            Self::Private => ErrorCode::Unsupported,
        }
    }
}

impl<'a> ClientCommand<'a> {
    /// Parses a text frame. Returns `None` for the empty frame, which has no effect.
    ///
    /// # Errors
    /// If the frame starts with a command's name and colon, and the rest is invalid.
    pub fn parse(frame: &'a str) -> Result<Option<Self>, CommandError> {
        if let Some(name) = frame.strip_prefix(CHANGENAME) {
            return Ok(Some(Self::ChangeName(Nickname::new(name)?)));
        }
        if let Some(digits) = frame.strip_prefix(HISTORY) {
            let cursor = Cursor::parse(digits).ok_or(CommandError::Cursor)?;
            return Ok(Some(Self::History(cursor)));
        }
        if is_private(frame) {
            return Err(CommandError::Private);
        }
        Ok((!frame.is_empty()).then_some(Self::Say(frame)))
    }

    /// Returns whether the server would read this text as a command, valid or not. A client uses it so
    /// that a person's message does not become a command by mistake.
    #[must_use]
    pub fn looks_like_command(text: &str) -> bool {
        text.starts_with(CHANGENAME) || text.starts_with(HISTORY) || is_private(text)
    }
}

/// Returns whether a frame is a private message. A frame without a bar is ordinary text, as with the
/// original server.
fn is_private(frame: &str) -> bool {
    frame.strip_prefix(PRIVATE).is_some_and(|rest| rest.contains(PRIVATE_SEPARATOR))
}

/// Writes the text of the frame.
impl fmt::Display for ClientCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(text) => f.write_str(text),
            Self::ChangeName(name) => write!(f, "{CHANGENAME}{name}"),
            Self::History(cursor) => write!(f, "{HISTORY}{cursor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rename_splits_at_the_first_colon_and_cleans_the_name() {
        let name = Nickname::new("a:b").unwrap();
        assert_eq!(
            ClientCommand::parse("@changename: a:b "),
            Ok(Some(ClientCommand::ChangeName(name)))
        );
        assert_eq!(
            ClientCommand::parse("@changename:"),
            Err(CommandError::Nickname(NicknameError::Empty))
        );
        let long = format!("@changename:{}", "x".repeat(33));
        let too_long = NicknameError::TooLong { chars: 33 };
        assert_eq!(ClientCommand::parse(&long), Err(CommandError::Nickname(too_long)));
    }

    #[test]
    fn text_that_resembles_a_command_is_a_message() {
        for text in [
            "@history",
            "@History:1",
            " @history:1",
            "@changename",
            "@小明 hello",
            "@to:<0.1.2> hi",
            "@to:",
            "@to",
            "@TO:<0.1.2>|hi",
            " @to:<0.1.2>|hi",
            "@to：<0.1.2>|hi",
            "@to:<0.1.2>｜hi",
            "@call:<0.1.2>|hi",
            "{\"a\":1}",
            " ",
            "\n",
        ] {
            assert_eq!(ClientCommand::parse(text), Ok(Some(ClientCommand::Say(text))), "{text:?}");
            assert!(!ClientCommand::looks_like_command(text));
        }
        assert_eq!(ClientCommand::parse(""), Ok(None));
    }

    #[test]
    fn private_message_in_any_spelling_is_refused_as_unsupported() {
        for text in [
            "@to:<0.1.2>|hi",
            "@to:<0.1.2>|",
            "@to:|hi",
            "@to:|",
            "@to: <0.1.2> | hi ",
            "@to:nobody:at all|a|b:c\nd",
            "@to:\n<0.1.2>\n|\nhi",
            "@to:小明|你好",
        ] {
            let refused = ClientCommand::parse(text);
            assert_eq!(refused, Err(CommandError::Private), "{text:?}");
            assert_eq!(refused.unwrap_err().code(), ErrorCode::Unsupported);
            assert!(ClientCommand::looks_like_command(text));
        }
    }
}
