//! The part of a long member list that is on the page, and the filter by name. Pure.

use std::ops::Range;

/// A list with at most this many entries is on the page as a whole.
pub const WHOLE_MAX: usize = 60;

/// The filter appears from this many members on.
pub const FILTER_FROM: u64 = 20;

/// Entries before and after the view, so that a scroll shows no empty list.
const MARGIN: usize = 15;

/// The window moves by this many entries at a time.
const STEP: usize = 10;

/// The scroll position of a list.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The height of an entry, in CSS pixels.
    pub entry_px: f64,
    /// How far the list is scrolled down, in CSS pixels.
    pub top_px: f64,
    /// The height of the view, in CSS pixels.
    pub height_px: f64,
}

impl View {
    /// Returns the height of a number of entries, rounded to whole CSS pixels: the code that writes
    /// fractions in decimal would be 2 % of the program.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pixels")]
    pub fn px_of(&self, entries: usize) -> i64 {
        (entries as f64 * self.entry_px).round() as i64
    }

    /// Returns the indices of the entries to put on the page, for a list of `count`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded below")]
    pub fn window(&self, count: usize) -> Range<usize> {
        if count <= WHOLE_MAX {
            return 0..count;
        }
        // A cast of a float saturates, so no height can overflow.
        let entry_px = self.entry_px.max(1.0);
        let above = (self.top_px.max(0.0) / entry_px) as usize;
        let in_view = ((self.height_px.max(0.0) / entry_px) as usize).min(WHOLE_MAX * 4) + 1;
        let first = above.min(count - 1).saturating_sub(MARGIN) / STEP * STEP;
        let length = (in_view + 2 * MARGIN).next_multiple_of(STEP) + STEP;
        first..first.saturating_add(length).min(count)
    }
}

/// Returns whether a name contains one of `spellings`. Latin letters match in either case. For other
/// scripts the browser provides the spellings in each case (`browser::spellings`).
#[must_use]
pub fn matches(name: &str, spellings: &[String]) -> bool {
    let has = |spelling: &String| {
        let (name, spelling) = (name.as_bytes(), spelling.as_bytes());
        spelling.is_empty()
            || name.windows(spelling.len()).any(|part| part.eq_ignore_ascii_case(spelling))
    };
    spellings.iter().any(has)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_list_is_on_the_page_as_a_whole() {
        let view = View { entry_px: 44.0, top_px: 900.0, height_px: 300.0 };
        assert_eq!(view.window(0), 0..0);
        assert_eq!(view.window(60), 0..60);
    }

    #[test]
    fn a_filter_finds_a_part_of_a_name_in_any_spelling() {
        let spellings = |spellings: &[&str]| {
            spellings.iter().map(|spelling| (*spelling).to_owned()).collect::<Vec<_>>()
        };
        assert!(matches("Anna", &spellings(&["aN"])));
        assert!(matches("Анна", &spellings(&["анн", "АНН", "Анн"])));
        assert!(matches("李小明", &spellings(&["小明"])));
        assert!(matches("Anna", &spellings(&[""])));
        assert!(!matches("Anna", &spellings(&["b", "Annaa"])));
    }

    proptest! {
        #[test]
        fn what_is_in_view_is_on_the_page_and_no_more_than_a_bound(
            count in 0usize..6_000,
            top_px in -100.0f64..300_000.0,
            height_px in 0.0f64..2_000.0,
        ) {
            let view = View { entry_px: 44.0, top_px, height_px };
            let window = view.window(count);
            prop_assert!(window.end <= count);
            prop_assert!(window.len() <= 110);
            let first = ((top_px / 44.0).floor().max(0.0) as usize).min(count);
            let last = (((top_px + height_px) / 44.0).ceil().max(0.0) as usize).min(count);
            prop_assert!((first..last).all(|place| window.contains(&place)));
        }
    }
}
