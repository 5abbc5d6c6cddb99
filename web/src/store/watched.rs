//! A value that is drawn from. All share one kind of signal, a count of changes: a signal of each
//! value's own type would be compiled anew for each, a kilobyte apiece.

use std::cell::RefCell;

use leptos::prelude::*;

/// A value whose readers are told when it changes. It belongs to the page's one thread.
pub(super) struct Watched<T> {
    value: RefCell<T>,
    changes: ArcRwSignal<u64>,
}

impl<T: PartialEq> Watched<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: RefCell::new(value), changes: ArcRwSignal::new(0) }
    }

    /// Reads it; whoever reads it in an effect or a view is told of changes.
    pub(super) fn with<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        self.changes.track();
        self.with_untracked(read)
    }

    /// Reads it without being told of changes.
    pub(super) fn with_untracked<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.value.borrow())
    }

    /// Sets it, and tells its readers if that changed it.
    pub(super) fn set(&self, value: T) {
        if self.put(value) {
            self.tell();
        }
    }

    /// Sets it without telling anybody. Says whether that changed it.
    pub(super) fn put(&self, value: T) -> bool {
        let is_changed = *self.value.borrow() != value;
        if is_changed {
            *self.value.borrow_mut() = value;
        }
        is_changed
    }

    /// Tells its readers that it changed.
    pub(super) fn tell(&self) {
        tell(&self.changes);
    }
}

fn tell(changes: &ArcRwSignal<u64>) {
    changes.update(|changes| *changes += 1);
}
