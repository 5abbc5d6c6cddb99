//! A text field of one line. It leaves the keys of an input method to that.

use leptos::prelude::*;
use web_sys::{HtmlInputElement, KeyboardEvent};

use super::ime::Ime;
use crate::browser;
use crate::reactive::{Attribute, ElementRef, attribute, effect};

/// A text field.
pub struct TextField {
    /// The `id`. The element `{id}-notes` describes the field.
    pub id: &'static str,
    /// The element, once the field is on the page.
    pub element: ElementRef<HtmlInputElement>,
    /// The placeholder.
    pub hint: &'static str,
    /// The `autocomplete` attribute.
    pub autocomplete: &'static str,
    /// The text.
    pub value: RwSignal<String>,
    /// Returns whether the text is not accepted.
    pub is_invalid: Box<dyn Fn() -> bool + Send>,
    /// Runs after each change of the text.
    pub on_input: Box<dyn Fn()>,
    /// Runs at Escape.
    pub on_escape: Box<dyn Fn()>,
}

impl TextField {
    /// Draws the field.
    pub fn draw(self) -> AnyView {
        let Self { id, element, hint, autocomplete, value, is_invalid, on_input, on_escape } = self;
        let ime = Ime::default();
        let (key_ime, end_ime) = (ime.clone(), ime.clone());
        let invalid: Attribute = attribute(move || is_invalid().then(|| "true".to_owned()));
        let on_key = move |event: KeyboardEvent| {
            let is_ime = key_ime.takes(&event);
            match event.key().as_str() {
                // The Enter that ends a composition must not submit the form.
                "Enter" if is_ime => event.prevent_default(),
                "Escape" if !is_ime => on_escape(),
                _ => {}
            }
        };
        effect(move || {
            if let Some(field) = element.get() {
                value.with(|value| browser::set_field_text(&field, value));
            }
        });
        view! {
            <input
                id=id
                node_ref=element
                type="text"
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                dir="auto"
                placeholder=hint
                aria-invalid=invalid
                aria-describedby=format!("{id}-notes")
                prop:value=value.get_untracked()
                on:input=move |event| {
                    value.set(browser::typed_text(&event));
                    on_input();
                }
                on:compositionstart=move |_| ime.start()
                on:compositionend=move |event| end_ime.end(&event)
                on:keydown=on_key
            />
        }
        .into_any()
    }
}
