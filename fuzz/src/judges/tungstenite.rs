//! tungstenite, as a server uses it.

use tungstenite::Message as Theirs;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::rules::{CODE_1014, LONG_CONTROL, LONGER_FORM, Rule};
use super::stream::Stream;
use super::{MESSAGE_BYTES_MAX, Message, Outcome};

pub(super) const EXCEPTIONS: &[Rule] = &[LONGER_FORM, LONG_CONTROL, CODE_1014];

pub(super) fn decode(bytes: &[u8], piece_bytes: usize) -> Outcome {
    let (stream, written) = Stream::new(bytes, piece_bytes);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    let mut messages = Vec::new();
    let refusal = loop {
        match socket.read() {
            Ok(Theirs::Text(text)) => messages.push(Message::Text(text.to_string())),
            Ok(Theirs::Binary(bytes)) => messages.push(Message::Binary(bytes.len())),
            Ok(Theirs::Ping(_) | Theirs::Pong(_) | Theirs::Frame(_)) => {}
            Ok(Theirs::Close(_)) => {
                // Writes the answer to the Close frame.
                let _ = socket.flush();
                break None;
            }
            Err(error) => break code(&error),
        }
    };
    Outcome::of(messages, &written.borrow(), refusal)
}

/// Returns the close code of a caller after an error, or `None` if tungstenite only waits for more bytes.
fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Io(_) => None,
        Error::Capacity(_) => Some(1009),
        Error::Utf8(_) => Some(1007),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(1002),
        other => panic!("tungstenite: {other}"),
    }
}
