//! Buttons with an icon and buttons with words.

use leptos::prelude::*;
use web_sys::HtmlButtonElement;

use super::icon::Icon;
use crate::reactive::{Attribute, ElementRef, ReactiveText, attribute, reactive_text};

type Press = Box<dyn Fn()>;

/// Draws a button with an icon. `name` is its tooltip, and its name for screen readers.
pub fn icon_button(
    class: &'static str,
    name: &'static str,
    path: &'static str,
    press: impl Fn() + 'static,
) -> AnyView {
    let name = move || name.to_owned();
    picture_button(class, ElementRef::new(), name, view! { <Icon path/> }.into_any(), press)
}

/// Draws a button with a picture and a name that changes.
pub fn picture_button(
    class: &'static str,
    node_ref: ElementRef<HtmlButtonElement>,
    name: impl Fn() -> String + Clone + Send + 'static,
    picture: AnyView,
    press: impl Fn() + 'static,
) -> AnyView {
    let title = name.clone();
    let names = (attribute(move || Some(name())), attribute(move || Some(title())));
    draw_picture(class, node_ref, names, picture, Box::new(press))
}

fn draw_picture(
    class: &'static str,
    node_ref: ElementRef<HtmlButtonElement>,
    (name, title): (Attribute, Attribute),
    picture: AnyView,
    press: Press,
) -> AnyView {
    view! {
        <button
            type="button"
            class=class
            node_ref=node_ref
            aria-label=name
            title=title
            on:click=move |_| press()
        >
            {picture}
        </button>
    }
    .into_any()
}

/// Draws a button with a label that changes.
pub fn word_button(
    class: &'static str,
    label: impl Fn() -> String + Send + 'static,
    press: impl Fn() + 'static,
) -> AnyView {
    draw_words(class, reactive_text(label), Box::new(press))
}

/// Draws a button with a label.
pub fn label_button(
    class: &'static str,
    label: &'static str,
    press: impl Fn() + 'static,
) -> AnyView {
    word_button(class, move || label.to_owned(), press)
}

fn draw_words(class: &'static str, label: ReactiveText, press: Press) -> AnyView {
    view! {
        <button type="button" class=class on:click=move |_| press()>
            {label}
        </button>
    }
    .into_any()
}
