//! Groups 6.5 to 6.23 of the suite: one text each, from Markus Kuhn's table of test sequences for UTF-8
//! decoders.

use super::utf8::WORD;

/// A case's number, and its text.
pub(super) type Sequence = (String, Vec<u8>);

/// Numbers the texts of a section from `first`.
fn section<T: AsRef<[u8]>>(
    section: &str,
    first: usize,
    texts: impl IntoIterator<Item = T>,
) -> Vec<Sequence> {
    let number = |(number, text): (usize, T)| (format!("{section}.{number}"), text.as_ref().into());
    (first..).zip(texts).map(number).collect()
}

/// The prefixes of [`WORD`] that are UTF-8, or those that are not.
fn beginnings(are_valid: bool) -> Vec<Sequence> {
    let ends_of_letters = [2, 5, 7, 9, 11];
    let lengths = (1..=WORD.len()).filter(|length| ends_of_letters.contains(length) == are_valid);
    lengths.map(|length| (format!("6.6.{length}"), WORD.as_bytes()[..length].to_vec())).collect()
}

/// The last two code points of each plane, which are not characters.
fn no_characters() -> Vec<String> {
    let planes = (0..=16_u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    planes.map(|code| char::from_u32(code).unwrap().to_string()).collect()
}

pub(super) fn valid() -> Vec<Sequence> {
    [
        section(
            "6.5",
            1,
            ["hello$world", "hello¢world", "hello€world", "hello\u{24b62}world", WORD],
        ),
        beginnings(true),
        section("6.7", 1, ["\u{0}", "\u{80}", "\u{800}", "\u{10000}"]),
        section("6.9", 1, ["\u{7f}", "\u{7ff}", "\u{ffff}", "\u{10ffff}"]),
        section("6.11", 1, ["\u{d7ff}", "\u{e000}", "\u{fffd}", "\u{10ffff}"]),
        section("6.22", 1, no_characters()),
        section("6.23", 1, ('\u{fff9}'..='\u{ffff}').map(String::from)),
    ]
    .concat()
}

/// First bytes of longer characters, each followed by a space.
fn lonely_starts() -> Vec<Vec<u8>> {
    let ranges = [0xc0..0xdf_u8, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfd];
    ranges.map(|range| range.flat_map(|start| [start, b' ']).collect()).to_vec()
}

/// Characters of two to six bytes without their last byte: the lowest, then the highest.
const CUT: [&[u8]; 10] = [
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf",
];

/// Overlong encodings: a slash, the largest code point that needs fewer bytes, and NUL.
fn too_long() -> Vec<Sequence> {
    let slashes: [&[u8]; 5] = [
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x80\x80\x80\x80\xaf",
    ];
    let largest: [&[u8]; 5] = [
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x87\xbf\xbf\xbf",
        b"\xfc\x83\xbf\xbf\xbf\xbf",
    ];
    let nuls: [&[u8]; 5] = [
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
        b"\xf8\x80\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80\x80",
    ];
    [section("6.17", 1, slashes), section("6.18", 1, largest), section("6.19", 1, nuls)].concat()
}

/// Surrogates: single ones, and pairs of a high and a low one.
fn surrogates() -> Vec<Sequence> {
    let high = [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"];
    let low = [b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"];
    let pairs =
        high.into_iter().flat_map(|high| [low[0], low[2]].map(|low| [*high, *low].concat()));
    [section("6.20", 1, high.into_iter().chain(low)), section("6.21", 1, pairs)].concat()
}

pub(super) fn invalid() -> Vec<Sequence> {
    let five_and_six: [&[u8]; 2] = [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"];
    let above: [&[u8]; 3] =
        [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"];
    let alternating = b"\x80\xbf\x80\xbf\x80\xbf";
    let continuations: Vec<u8> = (0x80..0xbf).collect();
    let impossible: [&[u8]; 3] = [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"];
    [
        beginnings(false),
        section("6.8", 1, five_and_six),
        section("6.10", 1, above),
        section("6.11", 5, [b"\xf4\x90\x80\x80"]),
        section("6.12", 1, [b"\x80", b"\xbf"]),
        section("6.12", 3, (2..=6).map(|length| &alternating[..length])),
        section("6.12", 8, [continuations]),
        section("6.13", 1, lonely_starts()),
        section("6.14", 1, CUT),
        section("6.15", 1, [CUT.concat()]),
        section("6.16", 1, impossible),
        too_long(),
        surrogates(),
    ]
    .concat()
}
