//! Section 6 of the suite, and RFC 6455 section 8.1: UTF-8, whole and across fragments. The texts
//! are the classic ones for decoders of UTF-8.
//!
//! A text that cannot become UTF-8 any more is refused when it is whole: the RFC leaves it open how
//! early that is, and the suite calls failing fast an option (6.4).

use super::*;

/// The Greek word of the classic tables, whose every letter has more than one byte.
const KOSME: &str = "κόσμε";

/// A text in fragments of one byte each.
fn byte_by_byte(bytes: &[u8]) -> Vec<u8> {
    fragments(&bytes.chunks(1).collect::<Vec<_>>())
}

/// A text whole, in two fragments at every place, and in fragments of a byte.
fn every_way(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut ways = vec![("whole".to_owned(), frame(TEXT, bytes))];
    for at in 1..bytes.len().min(12) {
        let (first, second) = bytes.split_at(at);
        ways.push((format!("cut at {at}"), fragments(&[first, second])));
    }
    if bytes.len() > 2 {
        ways.push(("byte by byte".to_owned(), byte_by_byte(bytes)));
    }
    ways
}

#[tokio::test]
async fn text_that_is_utf8_is_said_however_it_is_cut() {
    let mut table = Table::with(&[]).await;
    let valid = [
        ("6.2 letters of Latin", "Hello-µ@ßöäüàá-UTF-8!!"),
        ("6.5 a word", KOSME),
        ("6.7 the first of one byte", "\u{0}"),
        ("6.7 the first of two bytes", "\u{80}"),
        ("6.7 the first of three bytes", "\u{800}"),
        ("6.7 the first of four bytes", "\u{10000}"),
        ("6.9 the last of one byte", "\u{7f}"),
        ("6.9 the last of two bytes", "\u{7ff}"),
        ("6.9 the last of three bytes", "\u{ffff}"),
        ("6.9 the last of four bytes", "\u{10ffff}"),
        ("6.11 the last before the surrogates", "\u{d7ff}"),
        ("6.11 the first behind the surrogates", "\u{e000}"),
        ("6.11 the replacement character", "\u{fffd}"),
        ("6.22 no characters", "\u{fffe}\u{1fffe}\u{1ffff}\u{2fffe}\u{10fffe}"),
        ("6.23 a byte order mark", "\u{feff}x"),
        ("right to left, and joined", "\u{202e}می‌خواهم 👨‍👩‍👧"),
    ];
    for (name, said) in valid {
        let cases = every_way(said.as_bytes())
            .into_iter()
            .map(|(way, bytes)| case(format!("{name}, {way}"), &[bytes]).says(said));
        table.run(cases).await;
    }
    table.run([case("6.1 nothing, in fragments", &[fragments(&[b"", b""])])]).await;
}

#[tokio::test]
async fn a_text_that_ends_inside_a_character_is_none() {
    let mut table = Table::with(&[]).await;
    for length in 1..KOSME.len() {
        let start = &KOSME.as_bytes()[..length];
        let name = format!("6.6 the first {length} bytes of a word");
        let case = case(name, &[frame(TEXT, start)]);
        let expected = match std::str::from_utf8(start) {
            Ok(said) => case.says(said),
            Err(_) => case.refused(1007),
        };
        table.run([expected]).await;
    }
}

/// What is no UTF-8, by the section of the suite.
const INVALID: &[(&str, &[u8])] = &[
    ("6.3 a surrogate within a text", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80x"),
    ("6.4 above the last character within a text", b"\xce\xba\xf4\x90\x80\x80edited"),
    ("6.8 five bytes", b"\xf8\x88\x80\x80\x80"),
    ("6.8 six bytes", b"\xfc\x84\x80\x80\x80\x80"),
    ("6.10 the last of 21 bits", b"\xf7\xbf\xbf\xbf"),
    ("6.10 the last of five bytes", b"\xfb\xbf\xbf\xbf\xbf"),
    ("6.10 the last of six bytes", b"\xfd\xbf\xbf\xbf\xbf\xbf"),
    ("6.11 above the last character", b"\xf4\x90\x80\x80"),
    ("6.12 the first continuation", b"\x80"),
    ("6.12 the last continuation", b"\xbf"),
    ("6.12 two continuations", b"\x80\xbf"),
    ("6.12 seven continuations", b"\x80\xbf\x80\xbf\x80\xbf\x80"),
    ("6.13 starts of two bytes", b"\xc2 \xd0 \xdf "),
    ("6.13 starts of three bytes", b"\xe0 \xe7 \xef "),
    ("6.13 starts of four bytes", b"\xf0 \xf4 "),
    ("6.13 starts of five and six", b"\xf8 \xfb \xfc \xfd "),
    ("6.14 two bytes, the last missing", b"\xdf"),
    ("6.14 three bytes, the last missing", b"\xe0\xa0"),
    ("6.14 three bytes, two missing", b"\xef"),
    ("6.14 four bytes, the last missing", b"\xf0\x90\x80"),
    ("6.14 four bytes, two missing", b"\xf4\x8f"),
    ("6.15 incomplete ones in a row", b"\xc0\xe0\x80\xf0\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"),
    ("6.16 fe", b"\xfe"),
    ("6.16 ff", b"\xff"),
    ("6.16 fe fe ff ff", b"\xfe\xfe\xff\xff"),
    ("6.17 a slash in two bytes", b"\xc0\xaf"),
    ("6.17 a slash in three bytes", b"\xe0\x80\xaf"),
    ("6.17 a slash in four bytes", b"\xf0\x80\x80\xaf"),
    ("6.17 a slash in five bytes", b"\xf8\x80\x80\x80\xaf"),
    ("6.17 a slash in six bytes", b"\xfc\x80\x80\x80\x80\xaf"),
    ("6.18 the largest in two bytes too many", b"\xc1\xbf"),
    ("6.18 the largest in three bytes too many", b"\xe0\x9f\xbf"),
    ("6.18 the largest in four bytes too many", b"\xf0\x8f\xbf\xbf"),
    ("6.19 NUL in two bytes", b"\xc0\x80"),
    ("6.19 NUL in three bytes", b"\xe0\x80\x80"),
    ("6.19 NUL in four bytes", b"\xf0\x80\x80\x80"),
    ("6.20 the first high surrogate", b"\xed\xa0\x80"),
    ("6.20 the last high surrogate", b"\xed\xaf\xbf"),
    ("6.20 the first low surrogate", b"\xed\xb0\x80"),
    ("6.20 the last low surrogate", b"\xed\xbf\xbf"),
    ("6.21 a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
    ("6.21 the last pair of surrogates", b"\xed\xaf\xbf\xed\xbf\xbf"),
];

#[tokio::test]
async fn text_that_is_no_utf8_is_refused_however_it_is_cut() {
    let mut table = Table::with(&[]).await;
    for (name, bytes) in INVALID {
        let cases = every_way(bytes)
            .into_iter()
            .map(|(way, bytes)| case(format!("{name}, {way}"), &[bytes]).refused(1007));
        table.run(cases).await;
    }
    let all: Vec<u8> = (0x80..=0xbf).collect();
    table.run([case("6.12 all continuations", &[frame(TEXT, &all)]).refused(1007)]).await;
}

#[tokio::test]
async fn only_texts_must_be_utf8_and_each_by_itself() {
    let mut table = Table::with(&[]).await;
    let half = &KOSME.as_bytes()[..1];
    table
        .run([
            case("no UTF-8 in a binary message", &[frame(BINARY, b"\xff\xfe")]).binary(),
            case(
                "a ping inside a character",
                &[
                    frame(TEXT_BEGUN, half),
                    frame(PING, b"\xff"),
                    frame(CONTINUED_LAST, &KOSME.as_bytes()[1..]),
                ],
            )
            .says(KOSME)
            .pongs(b"\xff"),
            case(
                "a character across two messages",
                &[text("x"), frame(TEXT, half), frame(TEXT, &KOSME.as_bytes()[1..2])],
            )
            .says("x")
            .refused(1007),
        ])
        .await;
}
