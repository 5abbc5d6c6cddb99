//! Changes one's own nickname, right above the message box.

use leptos::prelude::*;
use xmeet_shared::Nickname;

use super::button::word_button;
use super::live::words;
use super::text_field::TextField;
use crate::browser;
use crate::settings::Settings;
use crate::store::Store;

/// The form.
pub fn rename_form() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let before =
        untrack(|| store.myself()).map(|myself| myself.name.to_string()).unwrap_or_default();
    let refused = store.take_refused_name();
    // The form that the server's refusal opens leaves the keyboard where it is, in the message box.
    if refused.is_none() {
        browser::next_frame(|| browser::focus_and_select("#rename-input"));
    }
    let name = RwSignal::new(refused.map_or_else(|| before.clone(), |refused| refused.to_string()));
    let is_refused = RwSignal::new(false);
    let close = move || {
        store.is_renaming.set(false);
        browser::focus("#composer");
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Ok(asked) = Nickname::new(&name.get_untracked()) else { return };
        if asked.as_str() == before {
            close();
        } else if !store.holds_back() {
            match store.rename(asked) {
                Ok(()) => close(),
                Err(_) => is_refused.set(true),
            }
        }
    };
    let reason = move || match name.with(|name| Nickname::new(name)) {
        Err(why) => text.bad_nickname_reason(why),
        Ok(_) if is_refused.get() => text.rename_offline.to_owned(),
        Ok(_) => String::new(),
    };
    let field = TextField {
        id: "rename-input",
        hint: "",
        autocomplete: "nickname",
        value: name,
        is_invalid: Box::new(move || !reason().is_empty()),
        on_input: Box::new(move || is_refused.set(false)),
        on_escape: Box::new(close),
    };
    view! {
        <form class="rename" on:submit=save>
            <label for="rename-input">{text.rename_label}</label>
            {field.draw()}
            <button type="submit" class="primary rename-save">
                {text.rename_save}
            </button>
            {word_button("rename-cancel", || text.cancel.to_owned(), close)}
            <p
                id="rename-input-notes"
                class="note bad"
                aria-live="polite"
            >
                {words(reason)}
            </p>
        </form>
    }
    .into_any()
}
