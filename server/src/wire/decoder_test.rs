//! Goal: the decoder follows RFC 6455 for any input in any pieces. Method: a naive encoder writes random
//! conversations, and the tests feed them in random pieces. A table lists input that must be refused.

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_testframes::frame_with_mask as frame;

use super::*;

const LIMIT_BYTES: usize = 100_000;

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

fn encode(step: &Step, mask: [u8; 4], bytes: &mut Vec<u8>, expected: &mut Vec<Received>) {
    match step {
        Step::Pong => {
            bytes.extend(frame(0x8a, mask, b"x"));
            expected.push(Received::Pong);
        }
        Step::Message { is_text, text, fragments } => {
            let pieces: Vec<&[u8]> = match text.len() / fragments {
                0 => vec![text.as_bytes()],
                size => text.as_bytes().chunks(size).collect(),
            };
            let count = pieces.len();
            for (at, piece) in pieces.into_iter().enumerate() {
                let opcode = if at > 0 {
                    0
                } else if *is_text {
                    1
                } else {
                    2
                };
                let is_last = at + 1 == count;
                bytes.extend(frame(if is_last { 0x80 | opcode } else { opcode }, mask, piece));
                if !is_last {
                    bytes.extend(frame(0x89, mask, b"between"));
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
        cuts in vec(1..5000_usize, 1..40),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for step in &steps {
            encode(step, mask, &mut bytes, &mut expected);
        }
        let mut decoder = Decoder::new(LIMIT_BYTES);
        let mut received = Vec::new();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            decoder.feed(piece);
            rest = after;
            while let Some(message) = decoder.decode().unwrap() {
                received.push(message);
            }
        }
        prop_assert_eq!(received, expected);
        prop_assert_eq!(decoder.memory_bytes(), 0, "an idle connection holds nothing");
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        for byte in bytes {
            decoder.feed(&[byte]);
            match decoder.decode() {
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
        }
    }
}

#[test]
fn violation_is_refused_at_its_first_byte() {
    let mask = [1, 2, 3, 4];
    let cases: &[(&str, Vec<u8>, CloseReason)] = &[
        ("unmasked", vec![0x81, 0x01], PROTOCOL_ERROR),
        ("a reserved bit", vec![0xc1, 0x80], PROTOCOL_ERROR),
        ("a reserved opcode", vec![0x83, 0x80], PROTOCOL_ERROR),
        ("a reserved control opcode", vec![0x8b, 0x80], PROTOCOL_ERROR),
        ("a ping of 126 bytes", vec![0x89, 0x80 | 126, 0, 126], PROTOCOL_ERROR),
        ("a ping in fragments", vec![0x09, 0x80], PROTOCOL_ERROR),
        ("125 written in two bytes", vec![0x81, 0x80 | 126, 0, 125], PROTOCOL_ERROR),
        (
            "65535 written in eight bytes",
            [&[0x81, 0xff][..], &65_535_u64.to_be_bytes()].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "a length with its highest bit",
            [&[0x81, 0xff][..], &u64::MAX.to_be_bytes()].concat(),
            PROTOCOL_ERROR,
        ),
        ("a continuation of nothing", frame(0x80, mask, b""), PROTOCOL_ERROR),
        (
            "a message within a message",
            [frame(0x01, mask, b""), frame(0x81, mask, b"")].concat(),
            PROTOCOL_ERROR,
        ),
        ("a close of one byte", frame(0x88, mask, &[3]), PROTOCOL_ERROR),
        ("a close without meaning", frame(0x88, mask, &1006_u16.to_be_bytes()), PROTOCOL_ERROR),
        ("a close reason that is no text", frame(0x88, mask, &[3, 0xe8, 0xff]), INVALID_UTF8),
        ("a text that is none", frame(0x81, mask, b"\xff"), INVALID_UTF8),
        (
            "a claim above the limit",
            [&[0x82, 0xff][..], &100_001_u64.to_be_bytes()].concat(),
            TOO_LARGE,
        ),
        (
            "fragments above the limit",
            [frame(0x02, mask, &[0; 60_000]), frame(0x80, mask, &[0; 40_001])].concat(),
            TOO_LARGE,
        ),
    ];
    for (what, bytes, ending) in cases {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(bytes);
        assert_eq!(decoder.decode(), Err(*ending), "{what}");
    }
}

#[test]
fn close_frame_returns_its_code() {
    for (payload, code) in [(&[][..], None), (&[3, 0xe8, b'x'], Some(1000))] {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(&frame(0x88, [9, 8, 7, 6], payload));
        assert_eq!(decoder.decode(), Ok(Some(Received::Close(code))));
    }
}

/// Feeds bytes in pieces. Returns the most memory that the decoder held beyond the bytes it received.
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
    let whole = frame(0x81, [1, 2, 3, 4], &text);
    let mut fragments = Vec::new();
    for (number, fragment) in text.chunks(100).enumerate() {
        let first = if number == 0 { 1 } else { u8::from(number == 649) << 7 };
        fragments.extend(frame(first, [5, 6, 7, 8], fragment));
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
    for (first, held_bytes_max) in [(0x81, 99_000 / 8 * 9), (0x82, 300)] {
        let claim = [&[first, 0xff][..], &99_999_u64.to_be_bytes(), &[1, 2, 3, 4]].concat();
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(&claim);
        assert_eq!(decoder.decode(), Ok(None), "it is within the limit, and has not come");
        assert!(decoder.memory_bytes() < 300, "{}", decoder.memory_bytes());
        for _ in 0..99 {
            decoder.feed(&[b'x'; 1000]);
            assert_eq!(decoder.decode(), Ok(None));
        }
        assert!(decoder.memory_bytes() < held_bytes_max, "{}", decoder.memory_bytes());
    }
}

/// A long frame before a partial header.
#[test]
fn bytes_behind_a_message_do_not_keep_its_buffer() {
    let mut bytes = frame(0x81, [1, 2, 3, 4], &[b'x'; 60_000]);
    bytes.extend([0x81, 0x80 | 126, 0]);
    let mut decoder = Decoder::new(LIMIT_BYTES);
    decoder.feed(&bytes);
    assert!(matches!(decoder.decode(), Ok(Some(Received::Text(text))) if text.len() == 60_000));
    assert_eq!(decoder.decode(), Ok(None));
    assert!(decoder.memory_bytes() < 300, "{}", decoder.memory_bytes());
}

/// A text that arrives byte by byte is copied a few times in all, not once per byte.
#[test]
fn text_in_single_bytes_is_copied_few_times() {
    let mut decoder = Decoder::new(LIMIT_BYTES);
    let (mut moves, mut memory_bytes) = (0, 0);
    for byte in frame(0x81, [1, 2, 3, 4], &[b'x'; 65_000]) {
        decoder.feed(&[byte]);
        decoder.decode().unwrap();
        moves += usize::from(decoder.memory_bytes() > memory_bytes);
        memory_bytes = memory_bytes.max(decoder.memory_bytes());
    }
    assert!(moves < 60, "{moves}");
}

/// Feeds the bytes one by one. Returns how many the decoder accepts before it fails.
fn taken_bytes(bytes: &[u8]) -> (usize, Option<CloseReason>) {
    let mut decoder = Decoder::new(LIMIT_BYTES);
    for (taken, byte) in bytes.iter().enumerate() {
        decoder.feed(&[*byte]);
        if let Err(ending) = decoder.decode() {
            return (taken, Some(ending));
        }
    }
    (bytes.len(), None)
}

#[test]
fn text_is_refused_at_its_first_invalid_byte() {
    let mask = [1, 2, 3, 4];
    // After a word: a surrogate, a code point above the maximum, and an incomplete character.
    for wrong in [&b"\xed\xa0\x80x"[..], b"\xf4\x90\x80\x80x", b"\xc3xx"] {
        let text = ["κόσμε".as_bytes(), wrong].concat();
        let wrong_at = text.len() - wrong.len() + 1;
        let whole = frame(0x81, mask, &text);
        let header_bytes = whole.len() - text.len();
        assert_eq!(taken_bytes(&whole), (header_bytes + wrong_at, Some(INVALID_UTF8)));
        for cut in 1..=wrong_at {
            let (first, second) = text.split_at(cut);
            let fragments = [frame(0x01, mask, first), frame(0x00, mask, second)].concat();
            let taken = 2 * header_bytes + wrong_at;
            assert_eq!(taken_bytes(&fragments), (taken, Some(INVALID_UTF8)), "cut at {cut}");
        }
        let binary = frame(0x82, mask, &text);
        assert_eq!(taken_bytes(&binary), (binary.len(), None));
    }
}
