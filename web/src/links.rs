//! Finds web addresses in messages. Only `http` and `https` ever become links.
//!
//! The scan reads each character a bounded number of times, so no text can make it slow. Share links
//! always end with a character that this scan includes: see [`may_end_address`].

use xmeet_shared::invisible::is_invisible;
use xmeet_shared::steps;

/// The most links in one message. Later addresses stay text.
pub const LINKS_PER_MESSAGE_MAX: usize = 100;

/// The longest address that becomes a link, in bytes of UTF-8.
pub const LINK_BYTES_MAX: usize = 2_048;

/// The schemes of a link.
const SCHEMES: [&str; 2] = ["http://", "https://"];

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text without a link.
    Text(&'a str),
    /// A web address.
    Link(&'a str),
}

impl<'a> Piece<'a> {
    /// Returns the piece as text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Link(text) => text,
        }
    }
}

/// Splits a text into plain text and links. The joined pieces are the text.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut words_start, mut searched, mut links) = (0, 0, 0);
    while links < LINKS_PER_MESSAGE_MAX
        && let Some(start) = find_scheme(text, searched)
    {
        let address = Address::read(text, start);
        searched = address.read_to;
        if let Some(end) = address.end {
            if words_start < start {
                pieces.push(Piece::Text(&text[words_start..start]));
            }
            pieces.push(Piece::Link(&text[start..end]));
            words_start = end;
            links += 1;
        }
    }
    if words_start < text.len() {
        pieces.push(Piece::Text(&text[words_start..]));
    }
    pieces
}

/// Returns whether a link can end with `c`. Otherwise a final `c` belongs to the sentence around the
/// address.
#[must_use]
pub fn may_end_address(c: char) -> bool {
    !ends_address(c) && !is_east_asian(c) && !is_trailing_punctuation(c) && !matches!(c, '(' | '[')
}

/// Returns the offset of the next scheme at or after `from`.
fn find_scheme(text: &str, from: usize) -> Option<usize> {
    steps::chars(&text[from..])
        .map(|(offset, c)| (from + offset, c))
        .find(|(offset, c)| scheme_bytes(text, *offset, *c) > 0)
        .map(|(offset, _)| offset)
}

/// Returns the length of the scheme at `offset`, whose character is `c`; 0 if there is none.
fn scheme_bytes(text: &str, offset: usize, c: char) -> usize {
    if !matches!(c, 'h' | 'H') {
        return 0;
    }
    let begins = |scheme: &str| {
        steps::add(scheme.len());
        let start = text.get(offset..offset + scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    SCHEMES.into_iter().find(|scheme| begins(scheme)).map_or(0, str::len)
}

/// The result of a scan that starts at a scheme.
struct Address {
    /// The end of the address; `None` if it is no link.
    end: Option<usize>,
    /// The offset at which the search for the next scheme continues.
    read_to: usize,
}

impl Address {
    /// Reads the address whose scheme is at `start`, in one pass.
    fn read(text: &str, start: usize) -> Self {
        let host_start = start + scheme_bytes(text, start, 'h');
        let mut host = Host::default();
        let mut brackets = Brackets::default();
        let (mut end, mut read_to) = (host_start, text.len());
        for (offset, c) in steps::chars(&text[host_start..]) {
            let offset = host_start + offset;
            let is_next_address = scheme_bytes(text, offset, c) > 0;
            let goes_on = host.goes_on_with(c, &text[host_start..offset]);
            if is_next_address || ends_address(c) || !goes_on {
                read_to = offset;
                break;
            }
            if brackets.may_end_with(c) && !is_trailing_punctuation(c) {
                end = offset + c.len_utf8();
            }
        }
        let is_link = end > host_start && end - start <= LINK_BYTES_MAX && host.is_complete();
        Self { end: is_link.then_some(end), read_to }
    }
}

/// The state of reading an address's host.
#[derive(Default)]
struct Host {
    is_over: bool,
    /// Whether the host may contain ideographs and kana: it starts with one, after an optional `www.`.
    takes_east_asian: bool,
    has_dot: bool,
}

impl Host {
    /// Returns whether `c`, which follows `before`, is part of the address.
    fn goes_on_with(&mut self, c: char, before: &str) -> bool {
        if before.is_empty() && c.is_ascii() && !c.is_ascii_alphanumeric() && c != '[' {
            return false;
        }
        if is_east_asian(c) {
            let is_first = before.is_empty() || before.eq_ignore_ascii_case("www.");
            self.takes_east_asian |= is_first && !self.is_over;
            return self.takes_east_asian && !self.is_over;
        }
        self.is_over |= matches!(c, '/' | '?' | '#');
        self.has_dot |= c == '.' && !self.is_over;
        true
    }

    /// Returns whether the host is valid. A host in ideographs needs a dot, unlike 以https://开头.
    fn is_complete(&self) -> bool {
        self.has_dot || !self.takes_east_asian
    }
}

/// The open brackets. An address can end with a bracket that closes one of them, and with no other.
#[derive(Default)]
struct Brackets {
    round: usize,
    square: usize,
}

impl Brackets {
    /// Returns whether the brackets allow the address to end with `c`.
    fn may_end_with(&mut self, c: char) -> bool {
        let (open, opens) = match c {
            '(' => (&mut self.round, true),
            '[' => (&mut self.square, true),
            ')' => (&mut self.round, false),
            ']' => (&mut self.square, false),
            _ => return true,
        };
        if opens {
            *open += 1;
            return false;
        }
        let is_closing = *open > 0;
        *open = open.saturating_sub(1);
        is_closing
    }
}

/// Returns whether `c` ends an address that precedes it.
fn ends_address(c: char) -> bool {
    is_invisible(c)
        || matches!(c,
            '<' | '>' | '"' | '`' | '|' | '\\' | '^' | '{' | '}'
            // Latin-1 symbols such as « and », except letters and the Catalan middle dot.
            | '\u{A1}'..='\u{A9}' | '\u{AB}'..='\u{B4}' | '\u{B6}' | '\u{B8}' | '\u{B9}'
            | '\u{BB}'..='\u{BF}'
            // Arabic and Indian punctuation.
            | '\u{060C}' | '\u{061B}' | '\u{061F}' | '\u{06D4}' | '\u{0964}' | '\u{0965}'
            // Dashes, quotes, dots, arrows, symbols and emoji.
            | '\u{2010}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}'
            // Chinese, Japanese and Korean punctuation, and full-width and small forms.
            | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{303D}'
            | '\u{FE10}'..='\u{FE1F}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FFFD}')
}

/// Returns whether `c` is an ideograph, kana, hangul or similar. Browsers copy addresses with these
/// characters escaped, so unescaped ones belong to the sentence after the address.
pub(crate) fn is_east_asian(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{2FFF}' | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{302F}' | '\u{3031}'..='\u{303C}' | '\u{303E}'..='\u{A4CF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{16FE0}'..='\u{18DFF}' | '\u{1AFF0}'..='\u{1B2FF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Returns whether a final `c` belongs to the sentence around the address.
fn is_trailing_punctuation(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~')
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
