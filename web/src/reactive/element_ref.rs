//! A reference to an element, as Leptos's `NodeRef`. It is not a signal, so all elements share its
//! code.

use std::cell::RefCell;
use std::marker::PhantomData;

use leptos::html::ElementType;
use leptos::tachys::html::node_ref::NodeRefContainer;
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::shared::Shared;

/// A reference to the element that `node_ref` names, once it is on the page. Copies are the same
/// reference.
pub struct ElementRef<T> {
    element: Shared<RefCell<Option<Element>>>,
    _type: PhantomData<fn() -> T>,
}

impl<T: JsCast> ElementRef<T> {
    /// Returns a reference to no element yet.
    #[must_use]
    pub fn new() -> Self {
        Self { element: Shared::new(RefCell::new(None)), _type: PhantomData }
    }

    /// Returns the element. `None` while it is not on the page.
    #[must_use]
    pub fn get(self) -> Option<T> {
        let element = self.element.get().borrow().clone();
        element.map(JsCast::unchecked_into)
    }
}

impl<T: JsCast> Default for ElementRef<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for ElementRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ElementRef<T> {}

/// An element goes into a reference of its own type only.
impl<T, E> NodeRefContainer<E> for ElementRef<T>
where
    T: 'static,
    E: ElementType<Output = T>,
{
    fn load(self, element: &Element) {
        self.element.get().replace(Some(element.clone()));
    }
}
