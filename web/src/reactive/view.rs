//! Texts, attributes and parts of a view that change.

use leptos::children::ViewFn;
use leptos::prelude::*;

use super::computed::{Computed, memo};

/// A text that changes.
pub type ReactiveText = Box<dyn Fn() -> String + Send>;

/// An attribute that changes. `None` removes it.
pub type Attribute = Box<dyn Fn() -> Option<String> + Send>;

/// A class or a boolean property that changes.
pub type Flag = Box<dyn Fn() -> bool + Send>;

/// Returns a text that follows the signals that `read` reads.
pub fn reactive_text(read: impl Fn() -> String + Send + 'static) -> ReactiveText {
    Box::new(read)
}

/// Returns an attribute that follows the signals that `read` reads.
pub fn attribute(read: impl Fn() -> Option<String> + Send + 'static) -> Attribute {
    Box::new(read)
}

/// Returns a class or a property that follows the signals that `read` reads.
pub fn flag(read: impl Fn() -> bool + Send + 'static) -> Flag {
    Box::new(read)
}

/// Returns an ARIA attribute that is `true` or `false`.
pub fn aria_bool(read: impl Fn() -> bool + Send + 'static) -> Attribute {
    Box::new(move || Some(if read() { "true" } else { "false" }.to_owned()))
}

/// Draws a view again each time a signal that it read changes.
pub fn dynamic(view: impl Into<ViewFn>) -> AnyView {
    draw(view.into())
}

/// Draws a view while `condition` holds. The view itself is not reactive.
pub fn show_if(
    condition: impl Fn() -> bool + Send + Sync + 'static,
    view: impl Into<ViewFn>,
) -> AnyView {
    show(memo(condition), view.into())
}

fn show(condition: Computed<bool>, view: ViewFn) -> AnyView {
    draw(ViewFn::from(move || if condition.get() { untrack(|| view.run()) } else { ().into_any() }))
}

fn draw(view: ViewFn) -> AnyView {
    (move || view.run()).into_any()
}

/// Runs `run` now, and again each time a signal that it read changes.
pub fn effect(run: impl FnMut() + 'static) {
    let run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(run);
}
