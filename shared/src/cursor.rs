//! The number of a history page (`cursor`), and the ids of its messages.

use std::fmt;
use std::ops::RangeInclusive;

use crate::MessageId;
use crate::limits::HISTORY_PAGE_MESSAGES;

/// The number of a history page. Page 0 has the newest [`HISTORY_PAGE_MESSAGES`] messages; higher
/// numbers are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor(pub u64);

impl Cursor {
    /// Parses decimal digits. Returns `None` for any other text. A number above `u64::MAX` becomes
    /// `u64::MAX`: both are beyond the end of every history.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let is_decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_decimal.then(|| Self(digits.parse().unwrap_or(u64::MAX)))
    }

    /// Returns the ids on this page of a room that keeps the messages `oldest..=newest`, or `None`
    /// beyond the oldest. Ids have no gaps, so a page is a range of ids. Later messages do not change
    /// the range.
    #[must_use]
    pub fn ids(self, kept: &RangeInclusive<MessageId>) -> Option<RangeInclusive<MessageId>> {
        let skipped = self.0.checked_mul(HISTORY_PAGE_MESSAGES)?;
        let last = kept.end().checked_sub(skipped)?;
        if last < *kept.start() {
            return None;
        }
        let first = last.saturating_sub(HISTORY_PAGE_MESSAGES - 1);
        Some(first.max(*kept.start())..=last)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_accepts_decimal_digits_only() {
        assert_eq!(Cursor::parse("0"), Some(Cursor(0)));
        assert_eq!(Cursor::parse("007"), Some(Cursor(7)));
        assert_eq!(Cursor::parse("99999999999999999999999"), Some(Cursor(u64::MAX)));
        for text in ["", "-1", "+1", " 1", "1 ", "1.0", "0x1", "١", "x", "1\n"] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn pages_tile_the_kept_messages_from_the_newest_back() {
        let nothing_kept = RangeInclusive::new(1, 0);
        assert_eq!(Cursor(0).ids(&nothing_kept), None);
        assert_eq!(Cursor(0).ids(&(1..=1)), Some(1..=1));
        assert_eq!(Cursor(0).ids(&(1..=50)), Some(1..=50));
        assert_eq!(Cursor(1).ids(&(1..=50)), None);
        assert_eq!(Cursor(0).ids(&(1..=51)), Some(2..=51));
        assert_eq!(Cursor(1).ids(&(1..=51)), Some(1..=1));
        assert_eq!(Cursor(1).ids(&(31..=120)), Some(31..=70));
        assert_eq!(Cursor(2).ids(&(31..=120)), None);
        assert_eq!(Cursor(u64::MAX).ids(&(1..=u64::MAX)), None);
    }
}
