//! The visible part of a long message before the reader expands it.

use xmeet_shared::steps;

use crate::links::{Piece, is_east_asian};

/// A text of more lines than this is folded.
pub const FOLD_LINES: usize = 24;

/// A text of more bytes than this is folded.
pub const FOLD_BYTES: usize = 4_000;

/// Returns the length in bytes of the visible part of a folded `text`. Returns `None` for a text that
/// is not folded.
#[must_use]
pub fn fold_at(text: &str) -> Option<usize> {
    let mut lines = 1;
    for (offset, c) in steps::chars(text) {
        if offset + c.len_utf8() > FOLD_BYTES {
            return Some(offset);
        }
        let is_last = offset + 1 == text.len();
        if c == '\n' && !is_last {
            lines += 1;
        }
        if lines > FOLD_LINES {
            return Some(offset);
        }
    }
    None
}

/// Splits the pieces of a text at byte `at`, or before the link that contains `at`, because links stay
/// whole.
///
/// # Panics
/// When `at` is inside a character.
#[must_use]
pub fn split(pieces: Vec<Piece<'_>>, at: usize) -> (Vec<Piece<'_>>, Vec<Piece<'_>>) {
    let (mut shown, mut rest) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for piece in pieces {
        let (start, end) = (offset, offset + piece.as_str().len());
        offset = end;
        match piece {
            piece if end <= at => shown.push(piece),
            Piece::Text(text) if start < at => {
                let (before, after) = text.split_at(at - start);
                shown.push(Piece::Text(before));
                rest.push(Piece::Text(after));
            }
            piece => rest.push(piece),
        }
    }
    (shown, rest)
}

/// The longest run of characters that browsers shape together, such as marks on one letter. The time
/// to shape a run grows with the square of its length.
pub const RUN_CHARS_MAX: usize = 512;

/// Cuts a text where a run of characters without ASCII, white space or ideographs is longer than
/// [`RUN_CHARS_MAX`]. Ordinary texts of any script stay in one part.
#[must_use]
pub fn short_runs(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut run) = (0, 0);
    for (offset, c) in steps::chars(text) {
        run = if c.is_ascii() || c.is_whitespace() || is_east_asian(c) { 0 } else { run + 1 };
        if run > RUN_CHARS_MAX {
            parts.push(&text[start..offset]);
            (start, run) = (offset, 1);
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{LINK_BYTES_MAX, pieces};

    #[test]
    fn short_text_is_shown_whole() {
        for text in ["", "a", &"a\n".repeat(FOLD_LINES), &"x".repeat(FOLD_BYTES)] {
            assert_eq!(fold_at(text), None);
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character_or_a_line_break() {
        assert_eq!(fold_at(&"a\n".repeat(FOLD_LINES + 1)), Some(2 * FOLD_LINES - 1));
        assert_eq!(fold_at(&"x".repeat(FOLD_BYTES + 1)), Some(FOLD_BYTES));
        assert_eq!(fold_at(&"汉".repeat(FOLD_BYTES)), Some(FOLD_BYTES / 3 * 3));
        assert_eq!(fold_at(&"\n".repeat(100)), Some(FOLD_LINES - 1));
    }

    #[test]
    fn marks_past_the_limit_on_one_letter_are_drawn_apart() {
        let marks = |count| format!("a{}", "\u{301}".repeat(count));
        let (fits, long) = (marks(RUN_CHARS_MAX), marks(2 * RUN_CHARS_MAX + 1));
        assert_eq!(short_runs(&fits), [fits.as_str()]);
        let parts = short_runs(&long);
        let chars: Vec<_> = parts.iter().map(|part| part.chars().count()).collect();
        assert_eq!(chars, [RUN_CHARS_MAX + 1, RUN_CHARS_MAX, 1]);
        assert_eq!(parts.concat(), long);
        for text in ["", &"汉".repeat(2_000), &"W".repeat(2_000), &"سلام ".repeat(500)] {
            assert_eq!(short_runs(text), [text]);
        }
    }

    #[test]
    fn link_across_the_fold_stays_whole_behind_it() {
        let link = format!("https://x.org/{}", "a".repeat(LINK_BYTES_MAX - 14));
        let text = format!("{} {link} end", "x".repeat(FOLD_BYTES - 100));
        let (shown, rest) = split(pieces(&text), fold_at(&text).unwrap());
        assert_eq!(shown, [Piece::Text(&text[..FOLD_BYTES - 99])]);
        assert_eq!(rest, [Piece::Link(&link), Piece::Text(" end")]);
        let (shown, rest) = split(pieces(&text), 10);
        assert_eq!(shown, [Piece::Text(&text[..10])]);
        assert_eq!(rest.len(), 3);
        let joined: String = shown.into_iter().chain(rest).map(Piece::as_str).collect();
        assert_eq!(joined, text);
    }
}
