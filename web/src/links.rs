//! Finds web addresses in what people say. Only `http` and `https` ever become links.

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words.
    Text(&'a str),
    /// A web address.
    Link(&'a str),
}

/// Cuts a text into words and web addresses. Put together the pieces are the text.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut searched = 0;
    while let Some(start) = find_scheme(&rest[searched..]).map(|at| at + searched) {
        let length = address_length(&rest[start..]);
        if length == 0 {
            // A scheme and nothing after it: look further on.
            searched = start + 1;
            continue;
        }
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        pieces.push(Piece::Link(&rest[start..start + length]));
        rest = &rest[start + length..];
        searched = 0;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn scheme_length(text: &str) -> usize {
    let starts = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    ["http://", "https://"].into_iter().find(|scheme| starts(scheme)).map_or(0, str::len)
}

fn find_scheme(text: &str) -> Option<usize> {
    text.char_indices()
        .filter(|(_, c)| matches!(c, 'h' | 'H'))
        .map(|(at, _)| at)
        .find(|at| scheme_length(&text[*at..]) > 0)
}

/// How many bytes of `text`, which starts with a scheme, are an address; 0 when none.
fn address_length(text: &str) -> usize {
    let scheme = scheme_length(text);
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c,
            '<' | '>' | '"' | '`' | '|' | '\\' | '^' | '{' | '}'
            // What turns the text around: an address must not read as another.
            | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
            // Punctuation that Chinese and Japanese put right behind an address.
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '，' | '！' | '？' | '；' | '：'
            | '（' | '）' | '“' | '”' | '‘' | '’')
    };
    let mut address = &text[..text.find(ends).unwrap_or(text.len())];
    loop {
        let trimmed = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~']);
        let unclosed = |open: char, close: char| {
            trimmed.ends_with(close)
                && trimmed.matches(close).count() > trimmed.matches(open).count()
        };
        let next = if unclosed('(', ')') || unclosed('[', ']') {
            &trimmed[..trimmed.len() - 1]
        } else {
            trimmed
        };
        if next.len() == address.len() {
            break;
        }
        address = next;
    }
    let has_host = address.get(scheme..).is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || c == '[')
    });
    if has_host { address.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(text: &str) -> Vec<&str> {
        pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Link(link) => Some(link),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn addresses_end_where_readers_think_they_do() {
        for (text, expected) in [
            ("see https://x.org/a?b=c#d.", "https://x.org/a?b=c#d"),
            ("看https://x.org/a，很好", "https://x.org/a"),
            ("(https://x.org/a_(b))", "https://x.org/a_(b)"),
            ("<http://x.org>", "http://x.org"),
            ("HTTPS://X.org", "HTTPS://X.org"),
            ("http:// http://x.org", "http://x.org"),
        ] {
            assert_eq!(links(text), [expected], "{text}");
        }
        assert_eq!(links("http://a.b http://c.d").len(), 2);
    }

    #[test]
    fn nothing_else_is_a_link() {
        for text in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "ftp://x.org",
            "http://",
            "https://\"onload",
            "x.org",
        ] {
            assert!(links(text).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(text in "(http://|https://|[a-zé中()., \\n]){0,12}") {
            let joined: String = pieces(&text)
                .into_iter()
                .map(|piece| match piece { Piece::Text(text) | Piece::Link(text) => text })
                .collect();
            prop_assert_eq!(joined, text);
        }
    }
}
