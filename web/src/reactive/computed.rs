//! A memo of any type, over one type of Leptos's `Memo`.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;

use super::shared::Shared;

/// A value that is computed from signals. Copies are the same value.
pub struct Computed<T> {
    /// `None` until the value is read for the first time.
    value: Shared<RefCell<Option<T>>>,
    /// Counts the changes of the value.
    changes: Memo<u64>,
}

impl<T> Clone for Computed<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Computed<T> {}

/// Returns a value that notifies its readers only when it changes, not each time that a signal
/// changes which `read` reads.
pub fn memo<T>(read: impl Fn() -> T + Send + Sync + 'static) -> Computed<T>
where
    T: PartialEq + 'static,
{
    let value = Shared::new(RefCell::new(None));
    let changes = count_changes(Box::new(move || {
        let now = Some(read());
        let held: Rc<RefCell<Option<T>>> = value.get();
        let is_changed = *held.borrow() != now;
        held.replace(now);
        is_changed
    }));
    Computed { value, changes }
}

fn count_changes(update: Box<dyn Fn() -> bool + Send + Sync>) -> Memo<u64> {
    Memo::new(move |count: Option<&u64>| count.copied().unwrap_or(0) + u64::from(update()))
}

impl<T: Clone + 'static> Computed<T> {
    /// Returns the value. The running effect or view is notified of later changes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the memo has set the value when it returns")]
    pub fn get(self) -> T {
        // A memo computes its value when it is read.
        let _ = self.changes.get();
        self.value.get().borrow().clone().expect("the memo has set the value")
    }
}
