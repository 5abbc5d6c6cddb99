//! The text field of the message box: its keys, and how it follows the draft.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, InputEvent, KeyboardEvent};

use super::ime::Ime;
use super::mention_menu::MentionMenu;
use crate::browser;
use crate::context::{Client, MessageBox};
use crate::keys::{Keyboard, ReturnAction};
use crate::reactive::{Attribute, attribute, effect, reactive_text};
use crate::settings::Settings;

/// Draws the text field. `asks` is whether a question about the draft is open; `send` sends the
/// draft.
pub fn message_field(asks: RwSignal<bool>, ime: Ime, send: impl Fn() + Copy + 'static) -> AnyView {
    let (text, settings, message_box) = (Settings::text(), Settings::get(), MessageBox::get());
    let menu = MentionMenu::get();
    let room = Client::get().room_id().to_string();
    browser::next_frame(move || {
        // On a phone the keyboard would cover the messages.
        if browser::matches_media("(pointer: fine)") {
            message_box.focus();
        }
    });
    let (key_ime, end_ime) = (ime.clone(), ime.clone());
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" => on_return(&event, menu, keyboard(settings), &key_ime, send),
        _ if key_ime.takes(&event) => {}
        key if !event.shift_key() && menu.pressed(key) => event.prevent_default(),
        "Escape" => asks.set(false),
        _ => {}
    };
    let break_ime = ime.clone();
    let on_before_input = move |event: InputEvent| {
        let keyboard = keyboard(settings);
        if keyboard.is_touch && keyboard.return_sends && break_ime.breaks_line(&event) {
            event.prevent_default();
            break_ime.when_composed(field_of(&event), send);
        }
    };
    let on_input = move |event: web_sys::Event| {
        asks.set(false);
        message_box.set_draft(browser::typed_text(&event));
        message_box.caret_moved(message_box.element().as_ref().and_then(browser::caret));
    };
    effect(move || {
        message_box.draft(|draft| {
            if let Some(field) = message_box.element() {
                browser::set_field_text(&field, draft);
            }
        });
    });
    view! {
        // A hidden copy of the text makes the field grow with it.
        <div class="autosize">
            <div class="autosize-copy" aria-hidden="true">
                {reactive_text(move || message_box.draft(|draft| format!("{draft}\n")))}
            </div>
            <textarea
                id="composer"
                node_ref=message_box.field
                rows="1"
                dir="auto"
                enterkeyhint=return_key_hint()
                aria-label=text.composer_label
                placeholder=(text.composer_hint)(&room)
                title=keys_hint()
                {..custom_attribute("aria-autocomplete", "list")}
                {..custom_attribute("aria-controls", "mentions")}
                {..custom_attribute("aria-activedescendant", menu.active_descendant())}
                prop:value=untrack(|| message_box.draft(String::clone))
                on:beforeinput=on_before_input
                on:input=on_input
                on:compositionstart=move |_| ime.start()
                on:compositionend=move |event| end_ime.end(&event)
                on:keydown=on_key
                on:click=move |_| message_box.leave_menu()
            ></textarea>
            {menu.draw()}
        </div>
    }
    .into_any()
}

fn keyboard(settings: Settings) -> Keyboard {
    let return_sends = settings.return_sends.get_untracked();
    Keyboard { is_touch: browser::is_touch_only(), return_sends }
}

/// Returns the text field that an event is about.
pub fn field_of(event: &web_sys::Event) -> Option<HtmlElement> {
    event.target().and_then(|target| target.dyn_into().ok())
}

/// Acts on a Return that was pressed in the field.
fn on_return(
    event: &KeyboardEvent,
    menu: MentionMenu,
    keyboard: Keyboard,
    ime: &Ime,
    send: impl Fn() + Copy + 'static,
) {
    let act = move || {
        if !menu.pressed("Enter") {
            send();
        }
    };
    match ime.on_return(event, keyboard) {
        ReturnAction::LeaveToIme => {}
        ReturnAction::NewLine => {
            let is_plain = !event.shift_key() && !event.is_composing();
            if is_plain && menu.pressed("Enter") {
                event.prevent_default();
            }
        }
        ReturnAction::Send => {
            event.prevent_default();
            act();
        }
        ReturnAction::CommitAndSend => {
            event.prevent_default();
            ime.when_composed(field_of(event), act);
        }
    }
}

/// Returns the label of the Return key on an on-screen keyboard.
fn return_key_hint() -> Attribute {
    let return_sends = Settings::get().return_sends;
    attribute(move || Some(if return_sends.get() { "send" } else { "enter" }.to_owned()))
}

/// Returns the tooltip that explains the keys of the field.
fn keys_hint() -> Attribute {
    let (text, return_sends) = (Settings::text(), Settings::get().return_sends);
    attribute(move || {
        let hint = if return_sends.get() { text.composer_keys } else { text.composer_keys_line };
        Some(hint.to_owned())
    })
}
