//! Whether a key press belongs to an input method (IME): one predicate for every key handler.
//!
//! Browsers disagree about the Enter that confirms a candidate. Chromium and Firefox mark the
//! `keydown` (`isComposing`, key code 229) and end the composition after it; Safari ends the
//! composition first, and the `keydown` that follows at once may carry no mark at all.

/// How soon after the end of a composition a `keydown` is still the one that ended it.
const SAME_PRESS_MS: f64 = 40.0;

/// The key code that means "an input method is handling this key".
const PROCESSED_BY_IME: u32 = 229;

/// What a `keydown` says about itself.
#[derive(Debug, Clone, Copy)]
pub struct KeyFacts {
    /// `KeyboardEvent.isComposing`.
    pub is_composing: bool,
    /// `KeyboardEvent.keyCode`.
    pub key_code: u32,
    /// `Event.timeStamp`, in milliseconds.
    pub at_ms: f64,
}

/// Follows one text field's composition events.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImeGuard {
    composing: bool,
    /// When the last key that the input method took went down.
    ime_key_ms: Option<f64>,
    /// When a composition ended whose ending key has not been seen yet.
    ended_ms: Option<f64>,
}

impl ImeGuard {
    /// `compositionstart`
    pub fn start(&mut self) {
        self.composing = true;
        self.ended_ms = None;
    }

    /// `compositionend` at `at_ms`.
    pub fn end(&mut self, at_ms: f64) {
        self.composing = false;
        let key_was_seen = self.ime_key_ms.is_some_and(|key| at_ms - key < SAME_PRESS_MS);
        self.ended_ms = (!key_was_seen).then_some(at_ms);
    }

    /// Whether this `keydown` is the input method's, so that no handler may act on it.
    pub fn takes(&mut self, key: KeyFacts) -> bool {
        let marked = self.composing || key.is_composing || key.key_code == PROCESSED_BY_IME;
        if marked {
            self.ime_key_ms = Some(key.at_ms);
        }
        let ended_it = self.ended_ms.take().is_some_and(|end| key.at_ms - end < SAME_PRESS_MS);
        marked || ended_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(at_ms: f64) -> KeyFacts {
        KeyFacts { is_composing: false, key_code: 13, at_ms }
    }

    #[test]
    fn chromium_marks_the_key_and_the_next_one_is_free_at_once() {
        let mut guard = ImeGuard::default();
        guard.start();
        assert!(guard.takes(KeyFacts { is_composing: true, key_code: 229, at_ms: 100.0 }));
        guard.end(101.0);
        assert!(!guard.takes(plain(110.0)));
    }

    #[test]
    fn safari_ends_the_composition_before_the_key() {
        let mut guard = ImeGuard::default();
        guard.start();
        guard.end(100.0);
        assert!(guard.takes(plain(101.0)), "the Enter that confirmed");
        assert!(!guard.takes(plain(102.0)), "the next Enter, however soon");
    }

    #[test]
    fn a_composition_that_ended_long_ago_is_over() {
        let mut guard = ImeGuard::default();
        guard.start();
        guard.end(100.0);
        assert!(!guard.takes(plain(300.0)));
    }

    #[test]
    fn each_mark_alone_is_enough() {
        let mut guard = ImeGuard::default();
        assert!(guard.takes(KeyFacts { is_composing: true, key_code: 13, at_ms: 1.0 }));
        assert!(guard.takes(KeyFacts { is_composing: false, key_code: 229, at_ms: 2.0 }));
        guard.start();
        assert!(guard.takes(plain(3.0)), "an open composition, whatever the key says");
    }
}
