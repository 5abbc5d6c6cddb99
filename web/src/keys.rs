//! Decides whether a key press belongs to an input method (IME), and what Return does in the message
//! box.
//!
//! Browsers differ in the Return that confirms a candidate. Chromium and Firefox mark the `keydown`
//! (`isComposing`, key code 229) and end the composition after it. Safari ends the composition first,
//! and the `keydown` that follows may have no mark.

/// The time after the end of a composition within which a `keydown` is the one that ended it.
const SAME_PRESS_MS: f64 = 40.0;

/// The key code of a key that an input method handles.
const PROCESSED_BY_IME: u32 = 229;

/// The key code of a Return that no input method handles.
const RETURN: u32 = 13;

/// The properties of a `keydown` event.
#[derive(Debug, Clone, Copy)]
pub struct KeyFacts {
    /// `KeyboardEvent.isComposing`.
    pub is_composing: bool,
    /// `KeyboardEvent.keyCode`.
    pub key_code: u32,
    /// `Event.timeStamp`, in milliseconds.
    pub at_ms: f64,
}

/// The state of a text field's composition.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImeGuard {
    composing: bool,
    /// The time of the last key press of the input method.
    ime_key_ms: Option<f64>,
    /// The end of a composition whose ending key press has not arrived yet.
    ended_ms: Option<f64>,
}

impl ImeGuard {
    /// Handles `compositionstart`.
    pub fn start(&mut self) {
        self.composing = true;
        self.ended_ms = None;
    }

    /// Handles `compositionend` at `at_ms`.
    pub fn end(&mut self, at_ms: f64) {
        self.composing = false;
        let key_was_seen = self.ime_key_ms.is_some_and(|key| at_ms - key < SAME_PRESS_MS);
        self.ended_ms = (!key_was_seen).then_some(at_ms);
    }

    /// Returns whether this `keydown` belongs to the input method, so that the page must ignore it.
    pub fn takes(&mut self, key: KeyFacts) -> bool {
        let marked = self.composing || key.is_composing || key.key_code == PROCESSED_BY_IME;
        if marked {
            self.ime_key_ms = Some(key.at_ms);
        }
        let ended_it = self.ended_ms.take().is_some_and(|end| key.at_ms - end < SAME_PRESS_MS);
        marked || ended_it
    }
}

/// The keyboard, as far as it decides what Return does.
#[derive(Debug, Clone, Copy)]
pub struct Keyboard {
    /// Whether the keyboard is on the screen.
    pub is_touch: bool,
    /// Whether Return sends the message. Otherwise it starts a new line.
    pub return_sends: bool,
}

/// The action of a press of Return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnAction {
    /// The key press belongs to the input method.
    LeaveToIme,
    /// The browser starts a new line.
    NewLine,
    /// The message is sent.
    Send,
    /// The open composition is committed, then the message is sent.
    CommitAndSend,
}

impl ImeGuard {
    /// Returns whether a composition is open.
    #[must_use]
    pub fn is_composing(&self) -> bool {
        self.composing
    }

    /// Returns the action of a press of Return. With Shift it always starts a new line. With Ctrl or ⌘
    /// (`is_command`) it always sends.
    pub fn on_return(
        &mut self,
        key: KeyFacts,
        is_shifted: bool,
        is_command: bool,
        keyboard: Keyboard,
    ) -> ReturnAction {
        let is_taken = self.takes(key);
        // On-screen keyboards keep a composition open for each word. Their Return with its own key
        // code is for the page.
        let is_for_page = keyboard.is_touch && key.is_composing && key.key_code == RETURN;
        let sends = !is_shifted && (is_command || keyboard.return_sends);
        match (is_taken, sends) {
            (true, _) if !is_for_page => ReturnAction::LeaveToIme,
            (true, true) => ReturnAction::CommitAndSend,
            (false, true) => ReturnAction::Send,
            (_, false) => ReturnAction::NewLine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESK: Keyboard = Keyboard { is_touch: false, return_sends: true };
    const PHONE: Keyboard = Keyboard { is_touch: true, return_sends: false };

    #[test]
    fn return_sends_or_starts_a_line_by_keyboard_and_modifiers() {
        let press = |shift, command, keyboard| {
            ImeGuard::default().on_return(plain(1.0), shift, command, keyboard)
        };
        assert_eq!(press(false, false, DESK), ReturnAction::Send);
        assert_eq!(press(true, false, DESK), ReturnAction::NewLine);
        assert_eq!(press(false, false, PHONE), ReturnAction::NewLine);
        assert_eq!(press(false, true, PHONE), ReturnAction::Send);
        assert_eq!(press(true, true, PHONE), ReturnAction::NewLine);
    }

    #[test]
    fn return_of_a_touch_keyboard_in_an_open_composition_is_for_the_page() {
        let press = |key_code, keyboard| {
            let mut guard = ImeGuard::default();
            guard.start();
            guard.on_return(
                KeyFacts { is_composing: true, key_code, at_ms: 1.0 },
                false,
                false,
                keyboard,
            )
        };
        let sending_phone = Keyboard { return_sends: true, ..PHONE };
        assert_eq!(press(13, PHONE), ReturnAction::NewLine);
        assert_eq!(press(13, sending_phone), ReturnAction::CommitAndSend);
        assert_eq!(press(229, PHONE), ReturnAction::LeaveToIme);
        assert_eq!(press(229, sending_phone), ReturnAction::LeaveToIme);
        assert_eq!(press(13, DESK), ReturnAction::LeaveToIme);
    }

    #[test]
    fn return_that_ended_a_composition_on_a_phone_belongs_to_the_input_method() {
        let mut guard = ImeGuard::default();
        guard.start();
        guard.end(100.0);
        let sending_phone = Keyboard { return_sends: true, ..PHONE };
        let first = guard.on_return(plain(101.0), false, false, sending_phone);
        assert_eq!(first, ReturnAction::LeaveToIme);
        let second = guard.on_return(plain(300.0), false, false, sending_phone);
        assert_eq!(second, ReturnAction::Send);
    }

    fn plain(at_ms: f64) -> KeyFacts {
        KeyFacts { is_composing: false, key_code: 13, at_ms }
    }

    #[test]
    fn chromium_marked_key_is_ignored_and_the_next_one_is_not() {
        let mut guard = ImeGuard::default();
        guard.start();
        assert!(guard.takes(KeyFacts { is_composing: true, key_code: 229, at_ms: 100.0 }));
        guard.end(101.0);
        assert!(!guard.takes(plain(110.0)));
    }

    #[test]
    fn safari_key_after_the_composition_end_is_ignored() {
        let mut guard = ImeGuard::default();
        guard.start();
        guard.end(100.0);
        assert!(guard.takes(plain(101.0)), "the Return that confirmed");
        assert!(!guard.takes(plain(102.0)), "the next Return");
    }

    #[test]
    fn key_long_after_the_composition_end_is_not_ignored() {
        let mut guard = ImeGuard::default();
        guard.start();
        guard.end(100.0);
        assert!(!guard.takes(plain(300.0)));
    }

    #[test]
    fn any_single_mark_is_enough() {
        let mut guard = ImeGuard::default();
        assert!(guard.takes(KeyFacts { is_composing: true, key_code: 13, at_ms: 1.0 }));
        assert!(guard.takes(KeyFacts { is_composing: false, key_code: 229, at_ms: 2.0 }));
        guard.start();
        assert!(guard.takes(plain(3.0)), "a composition is open");
    }
}
