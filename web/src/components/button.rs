//! The two kinds of button: one that bears a picture, and one that bears words.

use leptos::prelude::*;

use super::icon::Icon;
use super::live::{Attribute, Words, attribute, words};

/// What a button does.
type Press = Box<dyn Fn()>;

/// A button that bears a picture. Its name is for screen readers, and for whoever points at it.
pub fn icon_button(
    class: &'static str,
    name: &'static str,
    path: &'static str,
    press: impl Fn() + 'static,
) -> AnyView {
    let name = move || name.to_owned();
    picture_button(class, name, view! { <Icon path/> }.into_any(), press)
}

/// A button that bears a picture, with a name that changes.
pub fn picture_button(
    class: &'static str,
    name: impl Fn() -> String + Clone + Send + 'static,
    picture: AnyView,
    press: impl Fn() + 'static,
) -> AnyView {
    let title = name.clone();
    let names = (attribute(move || Some(name())), attribute(move || Some(title())));
    draw_picture(class, names, picture, Box::new(press))
}

fn draw_picture(
    class: &'static str,
    (name, title): (Attribute, Attribute),
    picture: AnyView,
    press: Press,
) -> AnyView {
    view! {
        <button
            type="button"
            class=class
            aria-label=name
            title=title
            on:click=move |_| press()
        >
            {picture}
        </button>
    }
    .into_any()
}

/// A button that bears words.
pub fn word_button(
    class: &'static str,
    label: impl Fn() -> String + Send + 'static,
    press: impl Fn() + 'static,
) -> AnyView {
    draw_words(class, words(label), Box::new(press))
}

/// A button whose words do not change.
pub fn small_button(
    class: &'static str,
    label: &'static str,
    press: impl Fn() + 'static,
) -> AnyView {
    word_button(class, move || label.to_owned(), press)
}

fn draw_words(class: &'static str, label: Words, press: Press) -> AnyView {
    view! {
        <button type="button" class=class on:click=move |_| press()>
            {label}
        </button>
    }
    .into_any()
}
