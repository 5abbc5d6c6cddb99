//! A one-line text field. It lets an input method have its keys, whoever uses it.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::ime::Ime;
use super::live::{Attribute, attribute, effect};
use crate::browser;

/// A field, and what happens in it.
pub struct TextField {
    /// Its `id`; the notes about it are in `{id}-notes`.
    pub id: &'static str,
    /// What stands in it while it is empty.
    pub hint: &'static str,
    /// What the browser may complete it with.
    pub autocomplete: &'static str,
    /// What is typed in it.
    pub value: RwSignal<String>,
    /// Whether what is typed in it will not do.
    pub is_invalid: Box<dyn Fn() -> bool + Send>,
    /// Told after each change of the text.
    pub on_input: Box<dyn Fn()>,
    /// Told of Escape.
    pub on_escape: Box<dyn Fn()>,
}

impl TextField {
    /// The field.
    pub fn draw(self) -> AnyView {
        let Self { id, hint, autocomplete, value, is_invalid, on_input, on_escape } = self;
        let ime = Ime::default();
        let (key_ime, end_ime) = (ime.clone(), ime.clone());
        let invalid: Attribute = attribute(move || is_invalid().then(|| "true".to_owned()));
        let on_key = move |event: KeyboardEvent| {
            let is_ime = key_ime.takes(&event);
            match event.key().as_str() {
                // The Enter that ends a composition submits nothing.
                "Enter" if is_ime => event.prevent_default(),
                "Escape" if !is_ime => on_escape(),
                _ => {}
            }
        };
        effect(move || value.with(|value| browser::set_field_text(&format!("#{id}"), value)));
        view! {
            <input
                id=id
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
