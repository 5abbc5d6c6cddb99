//! Commands in a client's text frames.

use xmeet_shared::limits::NICKNAME_CHARS_MAX;
use xmeet_shared::{ClientCommand, Nickname};

/// Maximum length of the answer to an invalid command, in bytes. It must not grow with the input.
const WORDS_BYTES_MAX: usize = 200;

/// A command that is printed and parsed again is unchanged, and a text is a message unchanged.
pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let is_command = ClientCommand::looks_like_command(text);
    match ClientCommand::parse(text) {
        Ok(None) => assert!(text.is_empty()),
        Ok(Some(command)) => {
            let printed = command.to_string();
            match &command {
                ClientCommand::Say(said) => {
                    assert!(!is_command);
                    assert_eq!(*said, text);
                }
                ClientCommand::ChangeName(name) => {
                    assert!(is_command);
                    assert_is_clean(name);
                }
                ClientCommand::History(_) => assert!(is_command),
            }
            assert_eq!(ClientCommand::parse(&printed), Ok(Some(command)));
        }
        Err(error) => {
            assert!(is_command);
            let words = error.to_string();
            assert!((1..=WORDS_BYTES_MAX).contains(&words.len()));
            assert!(!words.contains(char::is_control));
            assert_ne!(error.code().as_str(), "unknown");
        }
    }
}

/// Returns whether a name is valid.
pub(crate) fn assert_is_clean(name: &Nickname) {
    let text = name.as_str();
    assert!((1..=NICKNAME_CHARS_MAX).contains(&text.chars().count()));
    assert!(!text.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' ')));
    assert!(!text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  "));
    assert!(xmeet_shared::can_be_seen(text));
    assert_eq!(Nickname::new(text).as_ref(), Ok(name));
    assert_eq!(Nickname::from_handshake(text).as_ref(), Some(name));
}
