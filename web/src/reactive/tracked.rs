//! A value of any type that views can follow. Its signal is a trigger without a value: a signal of
//! each value's own type would be compiled anew for each, at about a kilobyte.

use std::cell::RefCell;

use leptos::prelude::*;

/// A value whose readers are notified when it changes. It stays on the page's one thread.
pub struct Tracked<T> {
    value: RefCell<T>,
    trigger: ArcTrigger,
}

impl<T: PartialEq> Tracked<T> {
    /// Returns a tracked `value`.
    pub fn new(value: T) -> Self {
        Self { value: RefCell::new(value), trigger: ArcTrigger::new() }
    }

    /// Reads the value. The running effect or view is notified of later changes.
    pub fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        self.trigger.track();
        self.read_untracked(read)
    }

    /// Reads the value without following it.
    pub fn read_untracked<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.value.borrow())
    }

    /// Returns the value. The running effect or view is notified of later changes.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.read(T::clone)
    }

    /// Sets the value. Notifies the readers if it is another.
    pub fn set(&self, value: T) {
        if self.replace(value) {
            self.notify();
        }
    }

    /// Sets the value without notifying the readers. Returns whether it is another.
    pub fn replace(&self, value: T) -> bool {
        let is_changed = *self.value.borrow() != value;
        if is_changed {
            *self.value.borrow_mut() = value;
        }
        is_changed
    }

    /// Notifies the readers.
    pub fn notify(&self) {
        self.trigger.notify();
    }
}
