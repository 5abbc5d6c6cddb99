//! fastwebsockets, as a server uses it, with its collector of fragments.

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use futures::FutureExt;

use super::rules::{
    CODE_1014, CUT_CHARACTER, INTERLEAVED, LONG_CONTROL, LONGER_FORM, Rule, TOO_LARGE, UNMASKED,
};
use super::stream::Stream;
use super::{MESSAGE_BYTES_MAX, Message, Outcome};

pub(super) const EXCEPTIONS: &[Rule] =
    &[UNMASKED, LONGER_FORM, INTERLEAVED, LONG_CONTROL, CODE_1014, CUT_CHARACTER, TOO_LARGE];

pub(super) fn decode(bytes: &[u8], piece_bytes: usize) -> Outcome {
    let (stream, written) = Stream::new(bytes, piece_bytes);
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    // The limit is the smallest length that it refuses.
    socket.set_max_message_size(MESSAGE_BYTES_MAX + 1);
    let mut socket = FragmentCollector::new(socket);
    let mut messages = Vec::new();
    let refusal = async {
        loop {
            match socket.read_frame().await {
                Ok(frame) if frame.opcode == OpCode::Text => {
                    let text = String::from_utf8(frame.payload.to_vec());
                    messages.push(Message::Text(text.expect("it has checked it")));
                }
                Ok(frame) if frame.opcode == OpCode::Binary => {
                    messages.push(Message::Binary(frame.payload.len()));
                }
                Ok(frame) if frame.opcode == OpCode::Close => return None,
                Ok(_) => {}
                Err(error) => return code(&error),
            }
        }
    };
    let refusal = refusal.now_or_never().flatten();
    Outcome::of(messages, &written.borrow(), refusal)
}

/// Returns the close code of a caller after an error.
fn code(error: &WebSocketError) -> Option<u16> {
    match error {
        WebSocketError::FrameTooLarge => Some(1009),
        WebSocketError::InvalidUTF8 => Some(1007),
        WebSocketError::IoError(error) => panic!("fastwebsockets: {error}"),
        _ => Some(1002),
    }
}
