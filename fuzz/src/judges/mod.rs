//! Compares the server's decoder with those of three other projects on the same pieces of input. They must
//! agree on the messages, the pongs and the close code, unless a sentence of RFC 6455 decides for the
//! server.

mod fastwebsockets;
mod input;
mod rules;
mod soketto;
mod stream;
mod tungstenite;
mod walk;

use xmeet_server::wire::{Decoder, Received};

use self::rules::Rule;

/// The largest message, in bytes. Small, so that the fuzzer reaches it.
const MESSAGE_BYTES_MAX: usize = 300;

/// The result of decoding a conversation up to its first Close frame, sent or received.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    messages: Vec<Message>,
    /// The payloads of the answers to pings.
    pongs: Vec<Vec<u8>>,
    answer: Answer,
}

#[derive(Debug, PartialEq, Eq)]
enum Message {
    Text(String),
    /// A binary message, by its length. The server does not keep its content.
    Binary(usize),
}

/// The Close frame that the decoder's side sends.
#[derive(Debug, Default, PartialEq, Eq)]
enum Answer {
    /// The connection stays open.
    #[default]
    Open,
    /// A Close frame with this code, or without a code.
    Close(Option<u16>),
}

/// A decoder of another project.
struct Judge {
    name: &'static str,
    /// Decodes bytes that arrive in pieces of this size.
    decode: fn(&[u8], usize) -> Outcome,
    /// Returns the rules of RFC 6455 that this decoder ignores, or applies later than the server.
    exceptions: &'static [Rule],
}

const JUDGES: [Judge; 3] = [
    Judge { name: "tungstenite", decode: tungstenite::decode, exceptions: tungstenite::EXCEPTIONS },
    Judge { name: "soketto", decode: soketto::decode, exceptions: soketto::EXCEPTIONS },
    Judge {
        name: "fastwebsockets",
        decode: fastwebsockets::decode,
        exceptions: fastwebsockets::EXCEPTIONS,
    },
];

/// Asserts that all decoders agree. The first byte is the size of the pieces.
pub(crate) fn holds(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let piece_bytes = usize::from(*cut) + 1;
    let bytes = input::complete(bytes);
    for judge in &JUDGES {
        judge.check(&bytes, piece_bytes);
    }
}

impl Judge {
    fn check(&self, bytes: &[u8], piece_bytes: usize) {
        let (ours, theirs) = (decode(bytes, piece_bytes), (self.decode)(bytes, piece_bytes));
        if ours == theirs {
            return;
        }
        let name = self.name;
        let Some((at, rule)) = self.first_exception(bytes) else {
            panic!("{name} disagrees: {theirs:?}, and the server: {ours:?}");
        };
        // The decoders must still agree up to the frame of the exception.
        let before = &bytes[..at];
        let (ours, theirs) = (decode(before, piece_bytes), (self.decode)(before, piece_bytes));
        assert_eq!(theirs, ours, "{name}, before a frame that {} decides", rule.section);
    }

    /// Returns the start of the first frame to which an exception applies.
    fn first_exception(&self, bytes: &[u8]) -> Option<(usize, &Rule)> {
        walk::frames(bytes).find_map(|frame| {
            let rules = self.exceptions.iter().chain(rules::OF_ALL);
            rules.into_iter().find(|rule| (rule.concerns)(&frame)).map(|rule| (frame.at, rule))
        })
    }
}

/// The server's own decoder, with the answers that its session gives.
fn decode(bytes: &[u8], piece_bytes: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    for piece in bytes.chunks(piece_bytes) {
        decoder.feed(piece);
        loop {
            match decoder.decode() {
                Ok(Some(Received::Text(text))) => outcome.messages.push(Message::Text(text)),
                Ok(Some(Received::Binary(bytes))) => outcome.messages.push(Message::Binary(bytes)),
                Ok(Some(Received::Ping(payload))) => outcome.pongs.push(payload),
                Ok(Some(Received::Pong)) => {}
                Ok(Some(Received::Close(code))) => {
                    return Outcome { answer: Answer::Close(code), ..outcome };
                }
                Ok(None) => break,
                Err(ending) => {
                    let answer = Answer::Close(Some(ending.code.as_u16()));
                    return Outcome { answer, ..outcome };
                }
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked text, and a Close frame with the code 1000.
    const CONVERSATION: &[u8] = b"\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8";

    fn check(decode: fn(&[u8], usize) -> Outcome) {
        Judge { name: "a test", decode, exceptions: &[rules::UNMASKED] }.check(CONVERSATION, 100);
    }

    #[test]
    #[should_panic(expected = "a test disagrees")]
    fn different_close_code_is_a_disagreement() {
        check(|bytes, piece_bytes| Outcome {
            answer: Answer::Close(Some(1001)),
            ..decode(bytes, piece_bytes)
        });
    }

    #[test]
    #[should_panic(expected = "a test disagrees")]
    fn missing_message_is_a_disagreement() {
        check(|bytes, piece_bytes| Outcome { messages: Vec::new(), ..decode(bytes, piece_bytes) });
    }

    #[test]
    #[should_panic(expected = "before a frame that 5.1")]
    fn exception_excuses_no_difference_before_its_frame() {
        let bytes = [CONVERSATION, b"\x89\0"].concat();
        let judge = Judge {
            name: "a test",
            decode: |_, _| Outcome::default(),
            exceptions: &[rules::UNMASKED],
        };
        judge.check(&bytes, 100);
    }

    #[test]
    fn faultless_conversation_needs_no_exception() {
        for judge in &JUDGES {
            assert_eq!((judge.decode)(CONVERSATION, 3), decode(CONVERSATION, 3), "{}", judge.name);
        }
    }
}
