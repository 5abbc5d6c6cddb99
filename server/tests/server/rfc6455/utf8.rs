//! Group 6 of the suite, and RFC 6455 section 8.1: UTF-8 in one frame and in fragments. The server refuses a
//! text at the first invalid byte.

use super::case::cut_as_in_the_suite;
use super::sequences::{self, Sequence};
use super::*;

/// A Greek word of letters with two bytes; the second letter has three.
pub(super) const WORD: &str = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";

const LETTERS: &str = "Hello-µ@ßöäüàá-UTF-8!!";

/// The word and a surrogate, whose second byte is invalid.
const SURROGATE: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";

/// The word and a code point above the maximum, whose second byte is invalid.
const ABOVE: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";

/// The same text in other fragments: cut in two at several places, and in single bytes.
fn other_ways(bytes: &[u8]) -> Vec<(String, Vec<Vec<u8>>)> {
    let two = |at| {
        let (first, second) = bytes.split_at(at);
        (format!("cut at {at}"), fragments(&[first, second]))
    };
    let mut ways: Vec<_> = (1..bytes.len().min(12)).map(two).collect();
    if bytes.len() > 2 {
        ways.push(("byte by byte".to_owned(), fragments(&bytes.chunks(1).collect::<Vec<_>>())));
    }
    ways
}

fn named((number, text): &Sequence) -> Case {
    case(format!("{number} {}", text.escape_ascii()), &[frame(TEXT, text)])
}

pub(super) fn valid_cases() -> Vec<Case> {
    let halves: [&[u8]; 2] = ["Hello-µ@ßöä".as_bytes(), "üàá-UTF-8!!".as_bytes()];
    let bytes = |text: &str| cut_as_in_the_suite(TEXT, text.as_bytes(), 1);
    let middle = "middle frame payload";
    let mut cases = vec![
        // XGate ignores an empty text.
        case("6.1.1 an empty text", &[text("")]),
        case("6.1.2 three empty fragments", &fragments(&[b"", b"", b""])),
        case("6.1.3 a text between empty fragments", &fragments(&[b"", middle.as_bytes(), b""]))
            .says(middle),
        case("6.2.1 letters of Latin", &[text(LETTERS)]).says(LETTERS),
        case("6.2.2 the same, cut between letters", &fragments(&halves)).says(LETTERS),
        case("6.2.3 the same, byte by byte", &bytes(LETTERS)).says(LETTERS),
        case("6.2.4 a Greek word, byte by byte", &bytes(WORD)).says(WORD),
    ];
    let says = |sequence: &Sequence| {
        named(sequence).says(std::str::from_utf8(&sequence.1).expect("the table says it is UTF-8"))
    };
    cases.extend(sequences::valid().iter().map(says));
    cases
}

#[tokio::test]
async fn utf8_text_in_any_pieces_is_delivered() {
    let mut table = Table::with(&[]).await;
    table.run(valid_cases()).await;
    let others = ["\u{feff}x", "right to left \u{202e}, and joined: می‌خواهم 👨‍👩‍👧"];
    let others = others.map(|text| ("another".to_owned(), text.as_bytes().to_vec()));
    table.run(others.iter().map(|other| named(other).says(str_of(&other.1)))).await;
    for (number, text) in sequences::valid().into_iter().chain(others) {
        let cases = other_ways(&text).into_iter().map(|(way, frames)| {
            case(format!("the text of {number}, {way}"), &frames).says(str_of(&text))
        });
        table.run(cases).await;
    }
}

fn str_of(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap()
}

pub(super) fn invalid_cases() -> Vec<Case> {
    let mut cases = vec![
        case("6.3.1 a surrogate behind a word", &[frame(TEXT, SURROGATE)]).refused(1007),
        case("6.3.2 the same, byte by byte", &cut_as_in_the_suite(TEXT, SURROGATE, 1))
            .refused(1007),
    ];
    cases.extend(sequences::invalid().iter().map(|sequence| named(sequence).refused(1007)));
    cases
}

#[tokio::test]
async fn invalid_utf8_text_in_any_pieces_is_refused() {
    let mut table = Table::with(&[]).await;
    table.run(invalid_cases()).await;
    let others: [&[u8]; 7] = [
        b"\xe0\xa0",
        b"\xef",
        b"\xf0\x90\x80",
        b"\xf4\x8f",
        b"\xc2 \xd0 \xdf ",
        b"\x80\xbf\x80\xbf\x80\xbf\x80",
        ABOVE,
    ];
    let others = others.map(|text| ("another".to_owned(), text.to_vec()));
    table.run(others.iter().map(|other| named(other).refused(1007))).await;
    for (number, text) in sequences::invalid().into_iter().chain(others) {
        let cases = other_ways(&text).into_iter().map(|(way, frames)| {
            case(format!("the text of {number}, {way}"), &frames).refused(1007)
        });
        table.run(cases).await;
    }
}

/// The bytes up to the first invalid one. The suite sends the rest if a server has not closed by then.
pub(super) fn early_cases() -> Vec<Case> {
    let of_frames = |name: &str, first: usize, second: &[u8]| {
        case(name, &[frame(TEXT_BEGUN, &ABOVE[..first]), frame(CONTINUED, second)])
            .frame_by_frame()
            .refused(1007)
    };
    // One frame. In the suite an empty last fragment follows.
    let sent = frame(TEXT_BEGUN, ABOVE);
    let (header, payload) = sent.split_at(sent.len() - ABOVE.len());
    let of_pieces = |name: &str, first: usize, second: usize| {
        let first_piece = [header, &payload[..first]].concat();
        case(name, &[first_piece, payload[first..second].to_vec()]).frame_by_frame().refused(1007)
    };
    vec![
        of_frames("6.4.1 a code point above the last one, in a fragment", 11, &ABOVE[11..15]),
        of_frames("6.4.2 only its byte that is wrong, in a fragment", 12, &ABOVE[12..13]),
        of_pieces("6.4.3 the code point, as a piece of a frame", 11, 15),
        of_pieces("6.4.4 only its byte that is wrong, as a piece of a frame", 12, 13),
    ]
}

#[tokio::test]
async fn invalid_utf8_is_refused_before_the_message_ends() {
    let mut table = Table::with(&[]).await;
    table.run(early_cases()).await;
}

#[tokio::test]
async fn utf8_is_required_of_each_text_and_of_no_other_message() {
    let mut table = Table::with(&[]).await;
    let (half, rest) = WORD.as_bytes().split_at(1);
    table
        .run([
            case("no UTF-8 in a binary message", &[frame(BINARY, b"\xff\xfe")]).binary(),
            case(
                "no UTF-8 in the fragments of a binary message",
                &[frame(BINARY_BEGUN, b"\xff"), frame(CONTINUED_LAST, b"\xfe")],
            )
            .binary(),
            case(
                "a ping inside a character",
                &[frame(TEXT_BEGUN, half), frame(PING, b"\xff"), frame(CONTINUED_LAST, rest)],
            )
            .says(WORD)
            .pongs(b"\xff"),
            case(
                "a character across two messages",
                &[text("x"), frame(TEXT, half), frame(TEXT, &rest[..1])],
            )
            .says("x")
            .refused(1007),
        ])
        .await;
}
