//! What else can be done in a room, behind the three dots of the header.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlDialogElement;

use super::button::icon_button;
use super::forget_all::ForgetAll;
use super::header::further_tools;
use super::icon::{self, Icon};
use super::live::{Flag, Words, attribute, flag, when, words};
use crate::browser;
use crate::settings::Settings;
use crate::store::Store;

const PANEL: &str = "#room-menu-panel";

/// Closes the menu, if it is open.
pub fn close() {
    browser::close_dialog(PANEL);
}

/// The menu, and the button that opens it. The browser moves the keyboard in and back, closes it
/// at Escape, and keeps the page behind it out of reach.
#[component]
pub fn RoomMenu() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let open = || browser::open_dialog(PANEL);
    // What is clicked beside the panel is the dialog itself: its content fills it.
    let on_click = move |event: web_sys::MouseEvent| {
        if event.target().is_some_and(|target| target.has_type::<HtmlDialogElement>()) {
            close();
        }
    };
    let mut lines = actions();
    lines.extend(switches());
    lines.push(when(move || store.is_narrow.get(), further_tools));
    lines.push(forget_item());
    view! {
        {icon_button("quiet room-menu", text.menu, icon::MORE, open)}
        <dialog
            id="room-menu-panel"
            class="menu"
            aria-label=text.menu
            on:click=on_click
        >
            <div>{lines}</div>
        </dialog>
    }
}

fn actions() -> Vec<AnyView> {
    let (text, store) = (Settings::words(), Store::get());
    let rename = move || {
        close();
        store.is_renaming.set(true);
    };
    let to_oldest = move || {
        close();
        store.to_oldest();
        browser::focus(".log");
    };
    let label = |label: &'static str| words(move || label.to_owned());
    vec![
        item("quiet item menu-rename", label(text.rename), icon::PENCIL, None, Box::new(rename)),
        item(
            "quiet item menu-oldest",
            label(text.menu_oldest),
            icon::TOP,
            None,
            Box::new(to_oldest),
        ),
    ]
}

fn switches() -> Vec<AnyView> {
    let (text, store) = (Settings::words(), Store::get());
    let lines = flag(move || !store.lines_hidden.get());
    let switch_lines = move || store.hide_lines(!store.lines_hidden.get_untracked());
    let settings = Settings::get();
    let return_sends = flag(move || settings.return_sends.get());
    let switch_return = move || settings.switch_return_sends();
    let (notify, sound) = (flag(move || store.notify.get()), flag(move || store.sound.get()));
    let notify_label = words(move || {
        let why_not = match (store.notify_denied.get(), store.notify_failed.get()) {
            (true, _) => text.notify_denied,
            (_, true) => text.notify_failed,
            _ => "",
        };
        [text.notify, why_not].join("\n")
    });
    let (switch_notify, switch_sound) =
        (move || store.switch_notify(text.notify_on), move || store.switch_sound());
    let label = |label: &'static str| words(move || label.to_owned());
    vec![
        item(
            "quiet item menu-lines",
            label(text.menu_lines),
            icon::PEOPLE,
            Some(lines),
            Box::new(switch_lines),
        ),
        item(
            "quiet item menu-notify",
            notify_label,
            icon::BELL,
            Some(notify),
            Box::new(switch_notify),
        ),
        item(
            "quiet item menu-sound",
            label(text.sound),
            icon::SOUND,
            Some(sound),
            Box::new(switch_sound),
        ),
        item(
            "quiet item menu-return",
            label(text.return_sends),
            icon::RETURN,
            Some(return_sends),
            Box::new(switch_return),
        ),
    ]
}

/// Forgets everything on this device, at the second press.
fn forget_item() -> AnyView {
    let forget = ForgetAll::unpressed();
    let label = words(move || forget.label());
    item("quiet item menu-forget", label, icon::CROSS, None, Box::new(move || forget.press()))
}

/// One line of the menu; a switch where it `is_on` or off.
fn item(
    class: &'static str,
    label: Words,
    path: &'static str,
    is_on: Option<Flag>,
    press: Box<dyn Fn()>,
) -> AnyView {
    let is_switch = is_on.is_some();
    let role = attribute(move || is_switch.then(|| "switch".to_owned()));
    let checked = attribute(move || is_on.as_ref().map(|is_on| is_on().to_string()));
    view! {
        <button
            type="button"
            class=class
            role=role
            aria-checked=checked
            on:click=move |_| press()
        >
            <Icon path/>
            <span>{label}</span>
        </button>
    }
    .into_any()
}
