//! The text field of the message box: what its keys do, and how it follows the draft.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use web_sys::{InputEvent, KeyboardEvent};

use super::ime::Ime;
use super::live::{Attribute, attribute, effect, words};
use super::mention_menu;
use crate::browser;
use crate::keys::{Keyboard, ReturnAction};
use crate::settings::Settings;
use crate::store::Store;

/// The field.
pub const FIELD: &str = "#composer";

/// The field itself. A hidden copy of the text behind it makes it grow with what is in it.
pub fn message_box(asks: RwSignal<bool>, ime: Ime, send: impl Fn() + Copy + 'static) -> AnyView {
    let (text, store, settings) = (Settings::words(), Store::get(), Settings::get());
    browser::next_frame(|| {
        // On a phone the keyboard would cover what the person came to read.
        if browser::matches_media("(pointer: fine)") {
            browser::focus(FIELD);
        }
    });
    let (key_ime, end_ime) = (ime.clone(), ime.clone());
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" => on_return(&event, store, keyboard(settings), &key_ime, send),
        _ if key_ime.takes(&event) => {}
        key if !event.shift_key() && mention_menu::takes(store, key) => event.prevent_default(),
        "Escape" => asks.set(false),
        _ => {}
    };
    let break_ime = ime.clone();
    let on_before_input = move |event: InputEvent| {
        let keyboard = keyboard(settings);
        if keyboard.is_touch && keyboard.return_sends && break_ime.breaks_line(&event) {
            event.prevent_default();
            break_ime.when_composed(FIELD, send);
        }
    };
    let on_input = move |event: web_sys::Event| {
        asks.set(false);
        store.set_draft(browser::typed_text(&event));
        store.follow_caret(browser::caret(FIELD));
    };
    effect(move || store.draft.with(|draft| browser::set_field_text(FIELD, draft)));
    view! {
        <div class="grow">
            <div class="mirror" aria-hidden="true">
                {words(move || format!("{}\n", store.draft.get()))}
            </div>
            <textarea
                id="composer"
                rows="1"
                dir="auto"
                enterkeyhint=return_key_hint()
                aria-label=text.composer_label
                placeholder=text.composer_hint
                title=keys_hint()
                {..custom_attribute("aria-autocomplete", "list")}
                {..custom_attribute("aria-controls", "mentions")}
                {..custom_attribute("aria-activedescendant", mention_menu::active(store))}
                prop:value=store.draft.get_untracked()
                on:beforeinput=on_before_input
                on:input=on_input
                on:compositionstart=move |_| ime.start()
                on:compositionend=move |event| end_ime.end(&event)
                on:keydown=on_key
                on:click=move |_| store.leave_menu()
            ></textarea>
            {mention_menu::mention_menu()}
        </div>
    }
    .into_any()
}

/// How Return works here.
fn keyboard(settings: Settings) -> Keyboard {
    let return_sends = settings.return_sends.get_untracked();
    Keyboard { is_touch: browser::is_touch_only(), return_sends }
}

/// Acts on a Return that was pressed in the field.
fn on_return(
    event: &KeyboardEvent,
    store: Store,
    keyboard: Keyboard,
    ime: &Ime,
    send: impl Fn() + Copy + 'static,
) {
    let act = move || {
        if !mention_menu::takes(store, "Enter") {
            send();
        }
    };
    match ime.on_return(event, keyboard) {
        ReturnAction::LeaveToIme => {}
        ReturnAction::NewLine => {
            let is_plain = !event.shift_key() && !event.is_composing();
            if is_plain && mention_menu::takes(store, "Enter") {
                event.prevent_default();
            }
        }
        ReturnAction::Send => {
            event.prevent_default();
            act();
        }
        ReturnAction::CommitAndSend => {
            event.prevent_default();
            ime.when_composed(FIELD, act);
        }
    }
}

/// What a keyboard on the screen writes on its Return.
fn return_key_hint() -> Attribute {
    let return_sends = Settings::get().return_sends;
    attribute(move || Some(if return_sends.get() { "send" } else { "enter" }.to_owned()))
}

/// Which keys do what in the field.
fn keys_hint() -> Attribute {
    let (text, return_sends) = (Settings::words(), Settings::get().return_sends);
    attribute(move || {
        let hint = if return_sends.get() { text.composer_keys } else { text.composer_keys_line };
        Some(hint.to_owned())
    })
}
