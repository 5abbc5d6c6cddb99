//! Group 1 of the suite, and RFC 6455 sections 5.2 and 5.3: messages of every length, with any mask, in any
//! pieces.

use xmeet_testframes::frame_with_mask;

use super::*;

const LIMIT_BYTES: usize = 8 * 1024 * 1024;

async fn table() -> Table {
    let limit = LIMIT_BYTES.to_string();
    Table::with(&["--frame-bytes-max", &limit, "--outbox-bytes-max", "16777216"]).await
}

/// Lengths of the payloads in 1.1.1 to 1.1.7 and 1.2.1 to 1.2.7; the eighth case sends the last one in
/// pieces of 997 bytes.
const LENGTHS: [usize; 7] = [0, 125, 126, 127, 128, 65_535, 65_536];
const PIECE_BYTES: usize = 997;

pub(super) fn text_cases() -> Vec<Case> {
    let case = |number: usize, length: usize| {
        let said = "*".repeat(length);
        let case = case(format!("1.1.{number} a text of {length} bytes"), &[text(&said)]);
        // XGate ignores an empty text.
        if length == 0 { case } else { case.says(said) }
    };
    let mut cases: Vec<_> =
        (1..).zip(LENGTHS).map(|(number, length)| case(number, length)).collect();
    cases.push(case(8, 65_536).chopped(PIECE_BYTES));
    cases
}

#[tokio::test]
async fn texts_of_every_length_are_delivered() {
    let mut table = table().await;
    table.run(text_cases()).await;
    let lengths = [1, 65_537, 1 << 20, 1 << 22];
    let whole = lengths.map(|length| {
        let said = "*".repeat(length);
        case(format!("a text of {length} bytes"), &[text(&said)]).says(said)
    });
    table.run(whole).await;
    let said = "*".repeat(65_536);
    let chopped = [1, 65_000].map(|piece| {
        let length = if piece == 1 { 200 } else { said.len() };
        let said = &said[..length];
        let name = format!("a text of {length} bytes, {piece} at a time");
        case(name, &[text(said)]).says(said).chopped(piece)
    });
    table.run(chopped).await;
    let said = "é".repeat(1 << 20);
    for piece in [4096, 65_535] {
        let pieces: Vec<_> = said.as_bytes().chunks(piece).collect();
        let name = format!("a text of 2 MiB in fragments of {piece} bytes");
        table.run([case(name, &fragments(&pieces)).says(&said)]).await;
    }
}

pub(super) fn binary_cases() -> Vec<Case> {
    let case = |number: usize, length: usize| {
        let name = format!("1.2.{number} a binary message of {length} bytes");
        case(name, &[frame(BINARY, &vec![0xfe; length])]).binary()
    };
    let mut cases: Vec<_> =
        (1..).zip(LENGTHS).map(|(number, length)| case(number, length)).collect();
    cases.push(case(8, 65_536).chopped(PIECE_BYTES));
    cases
}

#[tokio::test]
async fn binary_messages_of_every_length_are_errors() {
    let mut table = table().await;
    table.run(binary_cases()).await;
    let whole = [1, 1 << 20].map(|length| {
        let name = format!("a binary message of {length} bytes");
        case(name, &[frame(BINARY, &vec![0xfe; length])]).binary()
    });
    table.run(whole).await;
    let in_fragments = [frame(BINARY_BEGUN, &[0xff; 100]), frame(CONTINUED_LAST, &[0xff; 100])];
    table.run([case("a binary message in fragments", &in_fragments).binary()]).await;
    let chopped = case("a binary message, byte by byte", &[frame(BINARY, &[0xfe; 200])]);
    table.run([chopped.binary().chopped(1)]).await;
}

#[tokio::test]
async fn size_limit_applies_to_the_whole_message() {
    let mut table = Table::with(&["--frame-bytes-max", "1000"]).await;
    let (fits, over) = ("é".repeat(500), "é".repeat(500) + "x");
    let halves = |text: &str| {
        let (first, second) = text.as_bytes().split_at(600);
        fragments(&[first, second])
    };
    let claim = |length: u64| [&[TEXT, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    table
        .run([
            case("a text of just the limit", &[text(&fits)]).says(&fits),
            case("fragments of just the limit", &halves(&fits)).says(&fits),
            case("a text over the limit", &[text(&over)]).refused(1009),
            case("fragments over the limit", &halves(&over)).refused(1009),
            case("a binary message over the limit", &[frame(BINARY, &[0; 1001])]).refused(1009),
            case("a claim of 1 GiB", &[claim(1 << 30)]).refused(1009),
            case("the largest claim there is", &[claim((1 << 63) - 1)]).refused(1009),
            case("a text, then one over the limit", &[text("x"), text(&over)])
                .says("x")
                .refused(1009),
        ])
        .await;
}

#[tokio::test]
async fn any_mask_is_accepted_and_a_missing_mask_is_refused() {
    let mut table = table().await;
    let masks = [[0; 4], [0xff; 4], [0, 0, 0, 1], [1, 0, 0, 0], *b"text"];
    // Lengths around the word size of the unmasking.
    for length in [1, 3, 4, 5, 7, 8, 9, 15, 16, 17] {
        let said = &"abcdefghijklmnopq"[..length];
        let cases = masks.map(|mask| {
            let name = format!("a text of {length} bytes, masked with {mask:?}");
            case(name, &[frame_with_mask(TEXT, mask, said.as_bytes())]).says(said)
        });
        table.run(cases).await;
    }
    let bare = [
        ("a text", vec![TEXT, 1, b'x']),
        ("an empty text", vec![TEXT, 0]),
        ("a binary message", vec![BINARY, 1, 0]),
        ("a ping", vec![PING, 0]),
        ("a pong", vec![PONG, 0]),
        ("a close", vec![CLOSE, 2, 3, 0xe8]),
        ("a long text", [&[TEXT, 126, 0, 200][..], &[b'x'; 200]].concat()),
    ];
    table
        .run(bare.map(|(what, bytes)| case(format!("{what}, not masked"), &[bytes]).refused(1002)))
        .await;
    let second = [frame(TEXT_BEGUN, b"x"), vec![CONTINUED_LAST, 1, b'y']];
    table.run([case("a fragment that is not masked", &second).refused(1002)]).await;
}

#[tokio::test]
async fn length_in_a_longer_form_than_needed_is_refused() {
    let mut table = table().await;
    let medium = |length: u16| [&[TEXT, 0x80 | 126][..], &length.to_be_bytes(), &[0; 4]].concat();
    let long = |length: u64| [&[TEXT, 0x80 | 127][..], &length.to_be_bytes(), &[0; 4]].concat();
    table
        .run([
            case("0 in two bytes", &[medium(0)]).refused(1002),
            case("125 in two bytes", &[medium(125)]).refused(1002),
            case("0 in eight bytes", &[long(0)]).refused(1002),
            case("126 in eight bytes", &[long(126)]).refused(1002),
            case("65,535 in eight bytes", &[long(65_535)]).refused(1002),
            case("a length with its highest bit", &[long(1 << 63)]).refused(1002),
            case("the largest number", &[long(u64::MAX)]).refused(1002),
        ])
        .await;
}
