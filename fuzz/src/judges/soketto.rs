//! soketto, as a server uses it. The caller must check the UTF-8 of texts.

use futures::FutureExt;
use soketto::base;
use soketto::connection::{Builder, Error};
use soketto::{Data, Incoming, Mode};

use super::rules::{
    BROKEN_FRAGMENT, CLOSE_OF_ONE_BYTE, CODE_1014, CODE_1015, LONGER_FORM, PONG_BETWEEN, Rule,
    TOO_LARGE, UNMASKED,
};
use super::stream::Stream;
use super::{MESSAGE_BYTES_MAX, Message, Outcome};

/// Before soketto refuses a too large message in fragments, it reads and drops as many bytes again.
pub(super) const EXCEPTIONS: &[Rule] = &[
    UNMASKED,
    LONGER_FORM,
    PONG_BETWEEN,
    CLOSE_OF_ONE_BYTE,
    CODE_1014,
    CODE_1015,
    BROKEN_FRAGMENT,
    TOO_LARGE,
];

pub(super) fn decode(bytes: &[u8], piece_bytes: usize) -> Outcome {
    let (stream, written) = Stream::new(bytes, piece_bytes);
    let mut builder = Builder::new(stream, Mode::Server);
    builder.set_max_message_size(MESSAGE_BYTES_MAX);
    builder.set_max_frame_size(MESSAGE_BYTES_MAX);
    let (_sender, mut receiver) = builder.finish();
    let mut messages = Vec::new();
    let refusal = async {
        let mut message = Vec::new();
        loop {
            message.clear();
            match receiver.receive(&mut message).await {
                Ok(Incoming::Data(Data::Text(_))) => match String::from_utf8(message.clone()) {
                    Ok(text) => messages.push(Message::Text(text)),
                    Err(_) => return Some(1007),
                },
                Ok(Incoming::Data(Data::Binary(bytes))) => messages.push(Message::Binary(bytes)),
                Ok(Incoming::Pong(_)) => {}
                Ok(Incoming::Closed(_)) => return None,
                Err(error) => return code(&error),
            }
        }
    };
    let refusal = refusal.now_or_never().flatten();
    Outcome::of(messages, &written.borrow(), refusal)
}

/// Returns the close code of a caller after an error, or `None` if soketto has closed by itself.
fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Codec(base::Error::PayloadTooLarge { .. }) | Error::MessageTooLarge { .. } => {
            Some(1009)
        }
        Error::Utf8(_) => Some(1007),
        Error::Codec(_) | Error::UnexpectedOpCode(_) => Some(1002),
        // soketto has answered a Close frame without a code.
        Error::Closed => None,
        other => panic!("soketto: {other}"),
    }
}
