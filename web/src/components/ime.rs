//! Passes the events of a text field to the input-method guard.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{CompositionEvent, HtmlElement, InputEvent, KeyboardEvent};

use crate::browser;
use crate::keys::{ImeGuard, KeyFacts, Keyboard, ReturnAction};

type Once = Box<dyn FnOnce()>;

/// The guard of one text field. A field passes each key to it before it acts on the key.
#[derive(Clone, Default)]
pub struct Ime {
    guard: Rc<RefCell<ImeGuard>>,
    /// Runs at the end of the open composition.
    waiting: Rc<RefCell<Option<Once>>>,
    /// Whether the input method took the last key.
    had_last_key: Rc<Cell<bool>>,
}

impl Ime {
    /// Handles `compositionstart`.
    pub fn start(&self) {
        self.waiting.take();
        self.guard.borrow_mut().start();
    }

    /// Handles `compositionend`. The function that waits for it runs once the field has the composed
    /// text. It does not run if the composition was cancelled.
    pub fn end(&self, event: &web_sys::Event) {
        self.guard.borrow_mut().end(event.time_stamp());
        let composed = event.dyn_ref::<CompositionEvent>().and_then(CompositionEvent::data);
        let waiting = self.waiting.take();
        if let Some(run) = waiting.filter(|_| composed.is_some_and(|text| !text.is_empty())) {
            // Firefox and Safari send the `input` event after this one.
            browser::after(0, run);
        }
    }

    /// Runs `run` now, or at the end of the open composition of `field`. With a keyboard the person
    /// ends it. On a touch screen, where each word is a composition, it is committed now.
    pub fn when_composed(&self, field: Option<HtmlElement>, run: impl FnOnce() + 'static) {
        if !self.guard.borrow().is_composing() {
            run();
            return;
        }
        self.waiting.replace(Some(Box::new(run)));
        if let Some(field) = field.filter(|_| browser::is_touch_only()) {
            browser::commit_composition(&field);
        }
    }

    /// Handles `keydown`. Returns whether the key belongs to the input method.
    #[must_use]
    pub fn takes(&self, event: &KeyboardEvent) -> bool {
        let is_taken = self.guard.borrow_mut().takes(facts(event));
        self.had_last_key.set(is_taken);
        is_taken
    }

    /// Handles `keydown` of Return in the message box. Returns the action of the key.
    #[must_use]
    pub fn on_return(&self, event: &KeyboardEvent, keyboard: Keyboard) -> ReturnAction {
        let is_command = event.ctrl_key() || event.meta_key();
        let mut guard = self.guard.borrow_mut();
        let action = guard.on_return(facts(event), event.shift_key(), is_command, keyboard);
        self.had_last_key.set(action == ReturnAction::LeaveToIme);
        action
    }

    /// Handles `beforeinput`. Returns whether an input method breaks the line with a key that it took:
    /// some on-screen keyboards report their Return only in this way.
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
