//! Goal: whatever a client sends, cut into whatever pieces, is decoded as RFC 6455 says. Method:
//! random conversations are encoded by a naive writer and fed in random pieces; a table holds what
//! must be refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMIT_BYTES: usize = 100_000;

/// A client's frame, masked, written the simple way.
fn frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

#[derive(Debug, Clone)]
enum Step {
    /// A message in that many fragments, with a ping behind each but the last.
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
        prop_assert_eq!(decoder.buffer.capacity(), 0, "an idle connection holds nothing");
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
fn what_breaks_the_rules_is_refused_as_soon_as_it_can_be_seen() {
    let mask = [1, 2, 3, 4];
    let cases: &[(&str, Vec<u8>, Ending)] = &[
        ("unmasked", vec![0x81, 0x01], BROKEN),
        ("a reserved bit", vec![0xc1, 0x80], BROKEN),
        ("a reserved opcode", vec![0x83, 0x80], BROKEN),
        ("a reserved control opcode", vec![0x8b, 0x80], BROKEN),
        ("a ping of 126 bytes", vec![0x89, 0x80 | 126, 0, 126], BROKEN),
        ("a ping in fragments", vec![0x09, 0x80], BROKEN),
        ("125 written in two bytes", vec![0x81, 0x80 | 126, 0, 125], BROKEN),
        (
            "65535 written in eight bytes",
            [&[0x81, 0xff][..], &65_535_u64.to_be_bytes()].concat(),
            BROKEN,
        ),
        (
            "a length with its highest bit",
            [&[0x81, 0xff][..], &u64::MAX.to_be_bytes()].concat(),
            BROKEN,
        ),
        ("a continuation of nothing", frame(0x80, mask, b""), BROKEN),
        (
            "a message within a message",
            [frame(0x01, mask, b""), frame(0x81, mask, b"")].concat(),
            BROKEN,
        ),
        ("a close of one byte", frame(0x88, mask, &[3]), BROKEN),
        ("a close without meaning", frame(0x88, mask, &1006_u16.to_be_bytes()), BROKEN),
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
fn a_close_tells_its_code() {
    for (payload, code) in [(&[][..], None), (&[3, 0xe8, b'x'], Some(1000))] {
        let mut decoder = Decoder::new(LIMIT_BYTES);
        decoder.feed(&frame(0x88, [9, 8, 7, 6], payload));
        assert_eq!(decoder.decode(), Ok(Some(Received::Close(code))));
    }
}

#[test]
fn what_is_only_claimed_is_not_held() {
    let claim = [&[0x82, 0xff][..], &99_999_u64.to_be_bytes(), &[1, 2, 3, 4]].concat();
    let mut decoder = Decoder::new(LIMIT_BYTES);
    decoder.feed(&claim);
    assert_eq!(decoder.decode(), Ok(None), "it is within the limit, and has not come");
    assert_eq!(decoder.held_bytes(), claim.len());
    assert!(decoder.buffer.capacity() < 1000, "{}", decoder.buffer.capacity());
    // Nor does what comes of it take much more than it is.
    for _ in 0..99 {
        decoder.feed(&[0; 1000]);
        assert_eq!(decoder.decode(), Ok(None));
        assert!(decoder.buffer.capacity() <= 2 * decoder.held_bytes());
    }
}
