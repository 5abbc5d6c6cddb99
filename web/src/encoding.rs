//! Percent-encoding and form-decoding of the parts of an address, in plain Rust so that it is
//! tested where no browser is.

use std::fmt::Write;

use xmeet_shared::steps;

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that the result is one
/// path segment or one query value whatever `text` is.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        steps::add(1);
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Percent-decodes one path segment as UTF-8; `None` when the bytes are not UTF-8. A `%` that no
/// two hex digits follow stands for itself, as in an address that was typed by hand.
#[must_use]
pub fn decode_segment(text: &str) -> Option<String> {
    String::from_utf8(decode_bytes(text.as_bytes(), false)).ok()
}

/// The first value of `key` in a query string (with or without its `?`), form-decoded: `+` is a
/// space. A value that is not UTF-8 is empty.
#[must_use]
pub fn query_value(query: &str, key: &str) -> Option<String> {
    pairs(query).find(|(name, _)| form_decode(name) == key).map(|(_, value)| form_decode(value))
}

/// The query string without `key`, the rest as it was; empty when nothing is left.
#[must_use]
pub fn query_without(query: &str, key: &str) -> String {
    let rest: Vec<&str> = query
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| !pair.is_empty() && form_decode(pair.split('=').next().unwrap_or("")) != key)
        .collect();
    if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) }
}

/// Decodes UTF-16 as a text field holds it, without halves of characters: some keyboards and programs
/// type a character in two halves, and the second follows.
#[must_use]
pub fn whole_characters(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units).filter_map(Result::ok).collect()
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.trim_start_matches('?').split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn form_decode(text: &str) -> String {
    String::from_utf8(decode_bytes(text.as_bytes(), true)).unwrap_or_default()
}

fn decode_bytes(text: &[u8], plus_is_space: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        steps::add(1);
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_segment_that_was_typed_by_hand_is_read_as_meant() {
        assert_eq!(decode_segment("100%"), Some("100%".to_owned()));
        assert_eq!(decode_segment("100%25"), Some("100%".to_owned()));
        assert_eq!(decode_segment("%zz%4"), Some("%zz%4".to_owned()));
        assert_eq!(decode_segment("a+b"), Some("a+b".to_owned()));
        assert_eq!(decode_segment("%FF"), None);
    }

    #[test]
    fn a_query_is_a_form() {
        let query = "?x=1&nickname=%E5%B0%8F+%E6%98%8E&y";
        assert_eq!(query_value(query, "nickname"), Some("小 明".to_owned()));
        assert_eq!(query_value(query, "y"), Some(String::new()));
        assert_eq!(query_value(query, "z"), None);
        assert_eq!(query_without(query, "nickname"), "?x=1&y");
        assert_eq!(query_without("?nickname=a", "nickname"), "");
        assert_eq!(query_without("", "nickname"), "");
    }

    #[test]
    fn half_a_character_waits_for_the_other_half() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let smile = units("a😀b");
        assert_eq!(whole_characters(smile.iter().copied()), "a😀b");
        assert_eq!(whole_characters(smile[..2].iter().copied()), "a");
        assert_eq!(whole_characters([smile[2], smile[1]].into_iter()), "");
        assert_eq!(whole_characters([smile[1], smile[1], smile[2]].into_iter()), "😀");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_one_segment_and_comes_back(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(!encoded.contains(['/', '?', '#', '&', '=', '+', ' ']));
            prop_assert_eq!(decode_segment(&encoded), Some(text.clone()));
            let query = format!("?a=b&n={encoded}");
            prop_assert_eq!(query_value(&query, "n"), Some(text));
        }
    }
}
