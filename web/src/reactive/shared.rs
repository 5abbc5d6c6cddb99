//! A value that many handles share, over one type of Leptos's `StoredValue`.

use std::any::Any;
use std::marker::PhantomData;
use std::rc::Rc;

use leptos::prelude::*;

/// A handle to a value of the page's one thread. Copies are the same value.
pub struct Shared<T> {
    value: StoredValue<Rc<dyn Any>, LocalStorage>,
    _type: PhantomData<fn() -> T>,
}

impl<T: 'static> Shared<T> {
    /// Stores a value for as long as the current owner lives.
    pub fn new(value: T) -> Self {
        Self { value: store(Rc::new(value)), _type: PhantomData }
    }

    /// Returns the value.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "only `new` makes a handle, with a value of its type"
    )]
    pub fn get(self) -> Rc<T> {
        self.value.get_value().downcast().expect("the value has the type of its handle")
    }
}

fn store(value: Rc<dyn Any>) -> StoredValue<Rc<dyn Any>, LocalStorage> {
    StoredValue::new_local(value)
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}
