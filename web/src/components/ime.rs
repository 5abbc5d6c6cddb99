//! The input-method guard, tied to the events of a text field.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::keys::{ImeGuard, KeyFacts};

/// The guard of one text field. Every field that acts on a key has one, and asks it first.
#[derive(Clone, Copy)]
pub struct Ime(StoredValue<ImeGuard>);

impl Ime {
    /// A guard for a new field.
    #[must_use]
    pub fn new() -> Self {
        Self(StoredValue::new(ImeGuard::default()))
    }

    /// For `compositionstart`.
    pub fn start(self) {
        self.0.update_value(ImeGuard::start);
    }

    /// For `compositionend`.
    pub fn end(self, event: &web_sys::Event) {
        self.0.update_value(|guard| guard.end(event.time_stamp()));
    }

    /// For `keydown`: whether the key is the input method's.
    #[must_use]
    pub fn takes(self, event: &KeyboardEvent) -> bool {
        let facts = KeyFacts {
            is_composing: event.is_composing(),
            key_code: event.key_code(),
            at_ms: event.time_stamp(),
        };
        self.0.try_update_value(|guard| guard.takes(facts)).unwrap_or(false)
    }
}

impl Default for Ime {
    fn default() -> Self {
        Self::new()
    }
}
