//! Percent-encoding and form-decoding of the parts of an address, in plain Rust, so that tests need no
//! browser.

use std::fmt::Write;

use xmeet_shared::steps;

/// Percent-encodes everything except the unreserved characters of RFC 3986. The result is a valid path
/// segment and query value.
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

/// Percent-decodes a path segment. Returns `None` if the result is not UTF-8. A `%` without two hex
/// digits stays a `%`, because people type such addresses.
#[must_use]
pub fn decode_segment(text: &str) -> Option<String> {
    String::from_utf8(decode_bytes(text.as_bytes(), false)).ok()
}

/// Returns the first value of `key` in a query string, form-decoded, so `+` is a space. The query may
/// start with `?`. A value that is not UTF-8 is returned as empty.
#[must_use]
pub fn query_value(query: &str, key: &str) -> Option<String> {
    pairs(query).find(|(name, _)| form_decode(name) == key).map(|(_, value)| form_decode(value))
}

/// Returns the query string without `key` and otherwise unchanged; empty if no other key is left.
#[must_use]
pub fn query_without(query: &str, key: &str) -> String {
    let rest: Vec<&str> = query
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| !pair.is_empty() && form_decode(pair.split('=').next().unwrap_or("")) != key)
        .collect();
    if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) }
}

/// Decodes the UTF-16 of a text field and omits unpaired surrogates. Some keyboards type the two
/// surrogates of a character one after the other.
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
    fn segment_with_invalid_escapes_is_decoded_as_typed() {
        assert_eq!(decode_segment("100%"), Some("100%".to_owned()));
        assert_eq!(decode_segment("100%25"), Some("100%".to_owned()));
        assert_eq!(decode_segment("%zz%4"), Some("%zz%4".to_owned()));
        assert_eq!(decode_segment("a+b"), Some("a+b".to_owned()));
        assert_eq!(decode_segment("%FF"), None);
    }

    #[test]
    fn query_is_decoded_as_a_form() {
        let query = "?x=1&nickname=%E5%B0%8F+%E6%98%8E&y";
        assert_eq!(query_value(query, "nickname"), Some("小 明".to_owned()));
        assert_eq!(query_value(query, "y"), Some(String::new()));
        assert_eq!(query_value(query, "z"), None);
        assert_eq!(query_without(query, "nickname"), "?x=1&y");
        assert_eq!(query_without("?nickname=a", "nickname"), "");
        assert_eq!(query_without("", "nickname"), "");
    }

    #[test]
    fn unpaired_surrogates_are_omitted() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let smile = units("a😀b");
        assert_eq!(whole_characters(smile.iter().copied()), "a😀b");
        assert_eq!(whole_characters(smile[..2].iter().copied()), "a");
        assert_eq!(whole_characters([smile[2], smile[1]].into_iter()), "");
        assert_eq!(whole_characters([smile[1], smile[1], smile[2]].into_iter()), "😀");
    }

    proptest! {
        #[test]
        fn any_text_survives_encoding_as_one_segment(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(!encoded.contains(['/', '?', '#', '&', '=', '+', ' ']));
            prop_assert_eq!(decode_segment(&encoded), Some(text.clone()));
            let query = format!("?a=b&n={encoded}");
            prop_assert_eq!(query_value(&query, "n"), Some(text));
        }
    }
}
