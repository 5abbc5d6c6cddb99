//! Goal: the decoder follows RFC 6455 for any input in any pieces. Method: a naive encoder encodes
//! random conversations, and the tests feed the bytes in random pieces. A table lists invalid input.

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_testframes::frame_with_mask as frame;

use super::header::MASKED;
use super::*;
use crate::wire::frame::{BINARY, CLOSE, FIN, LENGTH_IN_16_BITS, LENGTH_IN_64_BITS};

/// The longest message that the decoders of these tests accept.
const LIMIT_BYTES: usize = 100_000;

/// The first bytes of unfragmented messages and of control frames.
const WHOLE_TEXT: u8 = FIN | TEXT;
const WHOLE_BINARY: u8 = FIN | BINARY;
const WHOLE_CLOSE: u8 = FIN | CLOSE;
const WHOLE_PING: u8 = FIN | PING;
const WHOLE_PONG: u8 = FIN | PONG;

/// Second bytes of headers: a length in 16 or 64 bits follows.
const MASKED_16_BITS: u8 = MASKED | LENGTH_IN_16_BITS;
const MASKED_64_BITS: u8 = MASKED | LENGTH_IN_64_BITS;

/// A part of a conversation.
#[derive(Debug, Clone)]
enum Step {
    /// A message in this many fragments, with a ping after each fragment but the last.
    Message {
        is_text: bool,
        text: String,
        fragments: usize,
    },
    Pong,
}

/// Generates steps. The texts have lengths of each form of the length field.
fn step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        "[a-z汉🦀]{0,20}",
        (0..70_000_usize).prop_map(|length| "x".repeat(length)),
        Just("é".repeat(62)),
        Just("é".repeat(63)),
    ];
    prop_oneof![
        4 => (any::<bool>(), text, 1..5_usize)
            .prop_map(|(is_text, text, fragments)| Step::Message { is_text, text, fragments }),
        1 => Just(Step::Pong),
    ]
}

/// Appends the frames of a step to `bytes`, and the messages to decode from them to `expected`.
fn encode(step: &Step, mask: [u8; 4], bytes: &mut Vec<u8>, expected: &mut Vec<Received>) {
    match step {
        Step::Pong => {
            bytes.extend(frame(WHOLE_PONG, mask, b"x"));
            expected.push(Received::Pong);
        }
        Step::Message { is_text, text, fragments } => {
            let pieces: Vec<&[u8]> = match text.len() / fragments {
                0 => vec![text.as_bytes()],
                size => text.as_bytes().chunks(size).collect(),
            };
            let last = pieces.len() - 1;
            for (number, piece) in pieces.into_iter().enumerate() {
                let opcode = match (number, is_text) {
                    (0, true) => TEXT,
                    (0, false) => BINARY,
                    _ => CONTINUATION,
                };
                let fin = if number == last { FIN } else { 0 };
                bytes.extend(frame(fin | opcode, mask, piece));
                if number < last {
                    bytes.extend(frame(WHOLE_PING, mask, b"between"));
                    expected.push(Received::Ping(b"between".to_vec()));
                }
            }
            expected.push(match is_text {
                true => Received::Text(text.clone()),
                false => Received::Binary(text.len()),
            });
        }
    }
}

proptest! {
    #[test]
    fn any_conversation_in_any_pieces_is_decoded(
        steps in vec(step(), 0..6),
        mask: [u8; 4],
        piece_sizes in vec(1..5000_usize, 1..40),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for step in &steps {
            encode(step, mask, &mut bytes, &mut expected);
        }
        let mut decoder = Decoder::new(LIMIT_BYTES);
        let mut received = Vec::new();
        let mut piece_sizes = piece_sizes.into_iter().cycle();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = piece_sizes.next().unwrap().min(rest.len());
            let piece;
            (piece, rest) = rest.split_at(size);
            decoder.feed(piece);
            while let Some(message) = decoder.decode().unwrap() {
                received.push(message);
            }
        }
        prop_assert_eq!(received, expected);
        prop_assert_eq!(decoder.memory_bytes(), 0, "the decoder of an idle connection uses no memory");
    }

    #[test]
    fn random_bytes_never_cause_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        for byte in bytes {
            decoder.feed(&[byte]);
            // After an error, the server closes the connection.
            if decoder.decode().is_err() {
                break;
            }
        }
    }
}

#[test]
fn invalid_frame_is_refused_with_its_close_reason() {
    let mask = [1, 2, 3, 4];
    let cases: &[(&str, Vec<u8>, CloseReason)] = &[
        ("an unmasked frame", vec![WHOLE_TEXT, 1], PROTOCOL_ERROR),
        ("a reserved bit", vec![WHOLE_TEXT | 0x40, MASKED], PROTOCOL_ERROR),
        ("a reserved opcode", vec![FIN | 0x3, MASKED], PROTOCOL_ERROR),
        ("a reserved control opcode", vec![FIN | 0xb, MASKED], PROTOCOL_ERROR),
        ("a ping of 126 bytes", vec![WHOLE_PING, MASKED_16_BITS, 0, 126], PROTOCOL_ERROR),
        ("a ping in fragments", vec![PING, MASKED], PROTOCOL_ERROR),
        ("125 written in two bytes", vec![WHOLE_TEXT, MASKED_16_BITS, 0, 125], PROTOCOL_ERROR),
        (
            "65535 written in eight bytes",
            [&[WHOLE_TEXT, MASKED_64_BITS][..], &65_535_u64.to_be_bytes()].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "a length with its highest bit",
            [&[WHOLE_TEXT, MASKED_64_BITS][..], &u64::MAX.to_be_bytes()].concat(),
            PROTOCOL_ERROR,
        ),
        ("a continuation without a message", frame(FIN | CONTINUATION, mask, b""), PROTOCOL_ERROR),
        (
            "a message within a message",
            [frame(TEXT, mask, b""), frame(WHOLE_TEXT, mask, b"")].concat(),
            PROTOCOL_ERROR,
        ),
        ("a Close frame of one byte", frame(WHOLE_CLOSE, mask, &[3]), PROTOCOL_ERROR),
        (
            "a close code that must not be sent",
            frame(WHOLE_CLOSE, mask, &1006_u16.to_be_bytes()),
            PROTOCOL_ERROR,
        ),
        (
            "a close reason that is not UTF-8",
            frame(WHOLE_CLOSE, mask, &[3, 0xe8, 0xff]),
            INVALID_UTF8,
        ),
        ("a text that is not UTF-8", frame(WHOLE_TEXT, mask, b"\xff"), INVALID_UTF8),
        (
            "a payload length above the limit",
            [&[WHOLE_BINARY, MASKED_64_BITS][..], &100_001_u64.to_be_bytes()].concat(),
            TOO_LARGE,
        ),
        (
            "fragments above the limit",
            [frame(BINARY, mask, &[0; 60_000]), frame(FIN | CONTINUATION, mask, &[0; 40_001])]
                .concat(),
            TOO_LARGE,
        ),
    ];
    for (violation, bytes, close_reason) in cases {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(bytes);
        assert_eq!(decoder.decode(), Err(*close_reason), "{violation}");
    }
}

#[test]
fn close_frame_returns_its_code() {
    // The code is two bytes, the higher one first: 0x03e8 is 1000. A reason follows.
    for (payload, code) in [(&[][..], None), (&[0x03, 0xe8, b'x'], Some(1000))] {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(&frame(WHOLE_CLOSE, [9, 8, 7, 6], payload));
        assert_eq!(decoder.decode(), Ok(Some(Received::Close(code))));
    }
}

/// Feeds one message in pieces. Returns the most memory that the decoder used at any time, less the
/// bytes that it had received by then.
fn most_spare_bytes(bytes: &[u8], piece_bytes: usize) -> usize {
    let mut decoder = Decoder::new(LIMIT_BYTES);
    let (mut received_bytes, mut spare_bytes) = (0, 0);
    for piece in bytes.chunks(piece_bytes) {
        decoder.feed(piece);
        received_bytes += piece.len();
        if decoder.decode().unwrap().is_none() {
            spare_bytes = spare_bytes.max(decoder.memory_bytes().saturating_sub(received_bytes));
        }
    }
    assert_eq!(decoder.memory_bytes(), 0, "the message is complete");
    spare_bytes
}

#[test]
fn incomplete_message_takes_an_eighth_more_than_its_bytes() {
    let text = vec![b'x'; 65_000];
    let whole = frame(WHOLE_TEXT, [1, 2, 3, 4], &text);
    let mut fragments = Vec::new();
    for (number, fragment) in text.chunks(100).enumerate() {
        // 650 fragments.
        let first_byte = match number {
            0 => TEXT,
            649 => FIN | CONTINUATION,
            _ => CONTINUATION,
        };
        fragments.extend(frame(first_byte, [5, 6, 7, 8], fragment));
    }
    for bytes in [whole, fragments] {
        for piece_bytes in [1, 7, 1448, 20_000, 64_999] {
            let spare_bytes = most_spare_bytes(&bytes, piece_bytes);
            assert!(spare_bytes <= 65_000 / 8, "{spare_bytes} in pieces of {piece_bytes}");
        }
    }
}

#[test]
fn claimed_length_and_binary_payload_take_no_memory() {
    // Received bytes of a text take an eighth more than their own length.
    for (first_byte, memory_bytes_max) in [(WHOLE_TEXT, 99_000 / 8 * 9), (WHOLE_BINARY, 300)] {
        // A header for 99,999 bytes, with a mask.
        let header =
            [&[first_byte, MASKED_64_BITS][..], &99_999_u64.to_be_bytes(), &[1, 2, 3, 4]].concat();
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(&header);
        assert_eq!(decoder.decode(), Ok(None), "the payload has not arrived");
        assert!(decoder.memory_bytes() < 300, "{}", decoder.memory_bytes());
        for _ in 0..99 {
            decoder.feed(&[b'x'; 1000]);
            assert_eq!(decoder.decode(), Ok(None));
        }
        assert!(decoder.memory_bytes() < memory_bytes_max, "{}", decoder.memory_bytes());
    }
}

#[test]
fn incomplete_header_after_a_long_message_does_not_keep_its_buffer() {
    let mut bytes = frame(WHOLE_TEXT, [1, 2, 3, 4], &[b'x'; 60_000]);
    bytes.extend([WHOLE_TEXT, MASKED_16_BITS, 0]);
    let mut decoder = Decoder::new(LIMIT_BYTES);
    decoder.feed(&bytes);
    assert!(matches!(decoder.decode(), Ok(Some(Received::Text(text))) if text.len() == 60_000));
    assert_eq!(decoder.decode(), Ok(None));
    assert!(decoder.memory_bytes() < 300, "{}", decoder.memory_bytes());
}

/// If a text arrives byte by byte, the decoder copies it a few times in all, and not once for each byte.
#[test]
fn text_in_single_bytes_is_copied_few_times() {
    let mut decoder = Decoder::new(LIMIT_BYTES);
    // The text is copied whenever its buffer grows.
    let (mut copy_count, mut memory_bytes) = (0, 0);
    for byte in frame(WHOLE_TEXT, [1, 2, 3, 4], &[b'x'; 65_000]) {
        decoder.feed(&[byte]);
        decoder.decode().unwrap();
        if decoder.memory_bytes() > memory_bytes {
            memory_bytes = decoder.memory_bytes();
            copy_count += 1;
        }
    }
    assert!(copy_count < 60, "{copy_count} copies");
}

/// Feeds the bytes one by one. Returns how many bytes the decoder accepts, and the close reason if it
/// refuses a byte.
fn accepted_bytes(bytes: &[u8]) -> (usize, Option<CloseReason>) {
    let mut decoder = Decoder::new(LIMIT_BYTES);
    for (accepted, byte) in bytes.iter().enumerate() {
        decoder.feed(&[*byte]);
        if let Err(close_reason) = decoder.decode() {
            return (accepted, Some(close_reason));
        }
    }
    (bytes.len(), None)
}

#[test]
fn text_is_refused_at_its_first_invalid_byte() {
    let mask = [1, 2, 3, 4];
    // A surrogate, a code point above the maximum, and an incomplete character. The second byte of each
    // is the first invalid one.
    for invalid in [&b"\xed\xa0\x80x"[..], b"\xf4\x90\x80\x80x", b"\xc3xx"] {
        let text = ["κόσμε".as_bytes(), invalid].concat();
        let invalid_at = text.len() - invalid.len() + 1;

        // In one frame.
        let whole = frame(WHOLE_TEXT, mask, &text);
        let header_bytes = whole.len() - text.len();
        let expected = (header_bytes + invalid_at, Some(INVALID_UTF8));
        assert_eq!(accepted_bytes(&whole), expected);

        // In two fragments.
        for cut in 1..=invalid_at {
            let (first, second) = text.split_at(cut);
            let fragments = [frame(TEXT, mask, first), frame(CONTINUATION, mask, second)].concat();
            let expected = (2 * header_bytes + invalid_at, Some(INVALID_UTF8));
            assert_eq!(accepted_bytes(&fragments), expected, "cut at {cut}");
        }

        // A binary message may have any bytes.
        let binary = frame(WHOLE_BINARY, mask, &text);
        assert_eq!(accepted_bytes(&binary), (binary.len(), None));
    }
}
