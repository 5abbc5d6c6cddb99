//! Tests of where links start and end in messages.

use proptest::prelude::*;
use xmeet_shared::RoomId;

use super::*;
use crate::page::{Page, room_path};

fn links(text: &str) -> Vec<&str> {
    let links = pieces(text).into_iter().filter(|piece| matches!(piece, Piece::Link(_)));
    links.map(Piece::as_str).collect()
}

#[test]
fn address_in_a_sentence_ends_with_the_address() {
    for (text, expected) in [
        ("see https://x.org/a?b=c#d.", "https://x.org/a?b=c#d"),
        ("看https://x.org/a，很好", "https://x.org/a"),
        ("(https://x.org/a_(b))", "https://x.org/a_(b)"),
        ("(https://x.org/a).", "https://x.org/a"),
        ("[https://x.org/a[1]]", "https://x.org/a[1]"),
        ("https://x.org/a)(b)", "https://x.org/a)(b)"),
        ("https://x.org/a(", "https://x.org/a"),
        ("https://x.org/a!?…", "https://x.org/a"),
        ("<http://x.org>", "http://x.org"),
        ("HTTPS://X.org", "HTTPS://X.org"),
        ("http:// http://x.org", "http://x.org"),
        ("«https://x.org/»", "https://x.org/"),
        ("„https://x.org/“", "https://x.org/"),
        ("https://x.org/a—or not", "https://x.org/a"),
        ("http://[::1]:8080/a]", "http://[::1]:8080/a"),
        ("http://localhost:8080/room/a", "http://localhost:8080/room/a"),
        ("https://bücher.de/größe", "https://bücher.de/größe"),
        ("https://ru.wikipedia.org/wiki/Привет,", "https://ru.wikipedia.org/wiki/Привет"),
    ] {
        assert_eq!(links(text), [expected], "{text}");
    }
}

#[test]
fn address_before_east_asian_text_or_emoji_ends_there() {
    for end in [
        "很好",
        "です",
        "テスト",
        "ﾃｽﾄ",
        "입니다",
        "ㄅ",
        "Ｕ吧",
        "，",
        "。",
        "、",
        "」",
        "……",
        "～",
        "😀",
        "👍🏽",
        "❤️",
        "🇨🇳",
        "→",
        "\u{200B}x",
        "\u{202E}x",
        "\u{FFF0}x",
    ] {
        for address in ["https://example.org/a", "https://example.org", "http://x.org/?q=a#b"] {
            let text = format!("看{address}{end}");
            assert_eq!(links(&text), [address], "{text}");
        }
    }
    let two = "看这里https://a.org/x和https://b.org/y吧";
    assert_eq!(links(two), ["https://a.org/x", "https://b.org/y"]);
    assert_eq!(links("https://a.org/xhttp://b.org/y"), ["https://a.org/x", "http://b.org/y"]);
    assert_eq!(links("https://a.org/,https://b.org/"), ["https://a.org/", "https://b.org/"]);
}

#[test]
fn host_in_ideographs_is_a_link_and_a_sentence_is_none() {
    for (text, expected) in [
        ("https://例え.jp/a です", "https://例え.jp/a"),
        ("https://www.例え.テスト", "https://www.例え.テスト"),
        ("https://佐々木.jp。", "https://佐々木.jp"),
    ] {
        assert_eq!(links(text), [expected], "{text}");
    }
    assert!(links("以https://开头的地址").is_empty());
}

#[test]
fn text_without_http_and_a_host_is_no_link() {
    for text in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "ftp://x.org",
        "http://",
        "https://\"onload",
        "https://.",
        "https://😀",
        "http://http://",
        "x.org",
    ] {
        assert!(links(text).is_empty(), "{text}");
    }
}

#[test]
fn links_past_the_limits_stay_text() {
    let many = "http://a.b ".repeat(LINKS_PER_MESSAGE_MAX + 50);
    assert_eq!(links(&many).len(), LINKS_PER_MESSAGE_MAX);
    let longest = format!("http://{}", "a".repeat(LINK_BYTES_MAX - 7));
    assert_eq!(links(&longest), [longest.as_str()]);
    assert!(links(&format!("{longest}a")).is_empty());
    let after = format!("{longest}a http://x.org");
    assert_eq!(links(&after), ["http://x.org"]);
}

/// Sentences with a gap for an address, in both languages.
const SENTENCES: [&str; 20] = [
    "{}",
    "Come to {}.",
    "Come to {}!",
    "Really, {}?",
    "({})",
    "[{}]",
    "\"{}\"",
    "'{}'",
    "*{}*",
    "_{}_",
    "<{}>",
    "{}, please",
    "{}: now",
    "{}…",
    "来{}吧",
    "在{}。",
    "（{}）",
    "“{}”",
    "{}😀",
    "{} {}",
];

proptest! {
    #[test]
    fn joined_pieces_are_the_text(text in "(http://|https://|[a-zé中()\\[\\]., \\n@😀]|www\\.){0,40}") {
        let joined: String = pieces(&text).into_iter().map(Piece::as_str).collect();
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn share_link_in_any_sentence_leads_to_its_room(
        id in "([a-z0-9._~!'()*,;:@&=+$/?#%\\[\\]{}| -]|[中日ー😀éА]){1,24}",
        sentence in 0..SENTENCES.len(),
        site in prop_oneof![Just(""), Just("/chat")],
        origin in prop_oneof![Just("https://x.org"), Just("http://[::1]:8080"), Just("http://localhost:1")],
    ) {
        let Ok(room) = RoomId::new(&id) else { return Ok(()) };
        let share = format!("{origin}{}", room_path(site, &room));
        let text = SENTENCES[sentence].replace("{}", &share);
        let found = links(&text);
        prop_assert!(!found.is_empty(), "{}", text);
        for link in found {
            let path = link.strip_prefix(origin).unwrap_or_default();
            prop_assert_eq!(Page::at(site, path), Page::Room(room.clone()), "{}", text);
        }
    }
}
