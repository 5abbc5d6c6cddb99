//! The form for a new nickname, above the message box.

use leptos::prelude::*;
use web_sys::HtmlInputElement;
use xmeet_shared::Nickname;

use super::button::word_button;
use super::text_field::TextField;
use crate::browser;
use crate::context::{Client, MessageBox, Panels, RoomView};
use crate::reactive::{ElementRef, reactive_text};
use crate::settings::Settings;

/// Draws the form.
pub fn rename_form() -> AnyView {
    let (text, panels, client) = (Settings::text(), Panels::get(), Client::get());
    let (room, message_box) = (RoomView::get(), MessageBox::get());
    let field = ElementRef::<HtmlInputElement>::new();
    let before =
        untrack(|| room.myself()).map(|myself| myself.name.to_string()).unwrap_or_default();
    let refused = panels.take_refused_name();
    // A form that opens because the server refused a name leaves the focus in the message box.
    if refused.is_none() {
        browser::next_frame(move || {
            if let Some(field) = field.get() {
                let _ = field.focus();
                field.select();
            }
        });
    }
    let name = RwSignal::new(refused.map_or_else(|| before.clone(), |refused| refused.to_string()));
    let is_refused = RwSignal::new(false);
    let close = move || {
        panels.is_renaming.set(false);
        message_box.focus();
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Ok(asked) = Nickname::new(&name.get_untracked()) else { return };
        if asked.as_str() == before {
            close();
        } else if !client.is_paused() {
            match client.rename(asked) {
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
        element: field,
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
                {reactive_text(reason)}
            </p>
        </form>
    }
    .into_any()
}
