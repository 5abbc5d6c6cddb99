//! The input-method guard, tied to the events of a text field.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{CompositionEvent, InputEvent, KeyboardEvent};

use crate::browser;
use crate::keys::{ImeGuard, KeyFacts, Keyboard, ReturnAction};

/// What is done once.
type Once = Box<dyn FnOnce()>;

/// The guard of one text field. Every field that acts on a key has one, and asks it first.
#[derive(Clone, Default)]
pub struct Ime {
    guard: Rc<RefCell<ImeGuard>>,
    /// What waits for the end of the open composition.
    waiting: Rc<RefCell<Option<Once>>>,
    /// Whether the input method had the last key.
    had_last_key: Rc<Cell<bool>>,
}

impl Ime {
    /// For `compositionstart`.
    pub fn start(&self) {
        self.waiting.take();
        self.guard.borrow_mut().start();
    }

    /// For `compositionend`. What waited for it runs once the field holds what was composed, and not
    /// at all where the composition was cancelled.
    pub fn end(&self, event: &web_sys::Event) {
        self.guard.borrow_mut().end(event.time_stamp());
        let composed = event.dyn_ref::<CompositionEvent>().and_then(CompositionEvent::data);
        let waiting = self.waiting.take();
        if let Some(run) = waiting.filter(|_| composed.is_some_and(|text| !text.is_empty())) {
            // Firefox and Safari tell of the text after the end.
            browser::after(0, run);
        }
    }

    /// Does `run` at once, or at the end of the open composition of `field`. A person at a desk ends
    /// it; on a touch screen, where each word is a composition, it is committed now.
    pub fn when_composed(&self, field: &str, run: impl FnOnce() + 'static) {
        if !self.guard.borrow().is_composing() {
            run();
            return;
        }
        self.waiting.replace(Some(Box::new(run)));
        if browser::is_touch_only() {
            browser::commit_composition(field);
        }
    }

    /// For `keydown`: whether the key is the input method's.
    #[must_use]
    pub fn takes(&self, event: &KeyboardEvent) -> bool {
        let is_taken = self.guard.borrow_mut().takes(facts(event));
        self.had_last_key.set(is_taken);
        is_taken
    }

    /// For a `keydown` of Return in the message box: what it does.
    #[must_use]
    pub fn on_return(&self, event: &KeyboardEvent, keyboard: Keyboard) -> ReturnAction {
        let is_command = event.ctrl_key() || event.meta_key();
        let mut guard = self.guard.borrow_mut();
        let action = guard.on_return(facts(event), event.shift_key(), is_command, keyboard);
        self.had_last_key.set(action == ReturnAction::LeaveToIme);
        action
    }

    /// For `beforeinput`: whether an input method breaks the line by a key that it had. Some keyboards
    /// on the screen tell of their Return only in this way.
    #[must_use]
    pub fn breaks_line(&self, event: &InputEvent) -> bool {
        let kind = event.input_type();
        let is_break = kind == "insertLineBreak" || kind == "insertParagraph";
        is_break && event.cancelable() && self.had_last_key.get()
    }
}

fn facts(event: &KeyboardEvent) -> KeyFacts {
    KeyFacts {
        is_composing: event.is_composing(),
        key_code: event.key_code(),
        at_ms: event.time_stamp(),
    }
}
