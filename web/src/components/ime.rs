//! The input-method guard, tied to the events of a text field.

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::KeyboardEvent;

use crate::keys::{ImeGuard, KeyFacts};

/// The guard of one text field. Every field that acts on a key has one, and asks it first.
#[derive(Clone, Default)]
pub struct Ime(Rc<RefCell<ImeGuard>>);

impl Ime {
    /// For `compositionstart`.
    pub fn start(&self) {
        self.0.borrow_mut().start();
    }

    /// For `compositionend`.
    pub fn end(&self, event: &web_sys::Event) {
        self.0.borrow_mut().end(event.time_stamp());
    }

    /// For `keydown`: whether the key is the input method's.
    #[must_use]
    pub fn takes(&self, event: &KeyboardEvent) -> bool {
        self.0.borrow_mut().takes(KeyFacts {
            is_composing: event.is_composing(),
            key_code: event.key_code(),
            at_ms: event.time_stamp(),
        })
    }
}
