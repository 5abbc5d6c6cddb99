//! The menu of a room, behind the three dots of the header.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlDialogElement;

use super::button::icon_button;
use super::forget_all::ForgetAll;
use super::icon::{self, Icon};
use super::room_tools::room_tools;
use crate::context::{Client, ListView, Notifications, Panels, RoomView};
use crate::reactive::{Flag, ReactiveText, attribute, flag, reactive_text, show_if};
use crate::settings::Settings;

/// The menu, a modal dialog, and the button that opens it. The browser moves the focus in and back,
/// and closes the menu at Escape.
#[component]
pub fn RoomMenu() -> impl IntoView {
    let (text, panels) = (Settings::text(), Panels::get());
    // The target of a press beside the panel is the dialog itself: its content fills it.
    let on_click = move |event: web_sys::MouseEvent| {
        if event.target().is_some_and(|target| target.has_type::<HtmlDialogElement>()) {
            panels.close_menu();
        }
    };
    let mut items = actions();
    items.extend(switches());
    items.push(show_if(move || panels.is_narrow.get(), room_tools));
    items.push(forget_item());
    view! {
        {icon_button("quiet room-menu", text.menu, icon::MORE, move || panels.open_menu())}
        <dialog
            id="room-menu-panel"
            class="menu"
            node_ref=panels.menu
            aria-label=text.menu
            on:click=on_click
        >
            <div>{items}</div>
        </dialog>
    }
}

fn actions() -> Vec<AnyView> {
    let (text, panels, list) = (Settings::text(), Panels::get(), ListView::get());
    let rename = move || panels.open_rename();
    let to_oldest = move || {
        panels.close_menu();
        list.to_oldest();
        list.focus();
    };
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
    let (text, client, settings) = (Settings::text(), Client::get(), Settings::get());
    let (room, notifications) = (RoomView::get(), Notifications::get());
    let shows_lines = move || !room.status().lines_hidden.get();
    let return_sends = flag(move || settings.return_sends.get());
    let notify_label = reactive_text(move || {
        let problem = match (notifications.is_denied.get(), notifications.has_failed.get()) {
            (true, _) => text.notify_denied,
            (_, true) => text.notify_failed,
            _ => "",
        };
        [text.notify, problem].join("\n")
    });
    let (is_notifying, is_sound_on) =
        (flag(move || notifications.is_on.get()), flag(move || notifications.is_sound_on.get()));
    let switch_lines = move || client.hide_lines(untrack(shows_lines));
    let switch_notify = move || notifications.switch(text.notify_on);
    let switch_sound = move || notifications.switch_sound();
    let switch_return = move || settings.switch_return_sends();
    let switch = |class, label, path, is_on, press| item(class, label, path, Some(is_on), press);
    vec![
        switch(
            "quiet item menu-lines",
            label(text.menu_lines),
            icon::PEOPLE,
            flag(shows_lines),
            Box::new(switch_lines),
        ),
        switch(
            "quiet item menu-notify",
            notify_label,
            icon::BELL,
            is_notifying,
            Box::new(switch_notify),
        ),
        switch(
            "quiet item menu-sound",
            label(text.sound),
            icon::SOUND,
            is_sound_on,
            Box::new(switch_sound),
        ),
        switch(
            "quiet item menu-return",
            label(text.return_sends),
            icon::RETURN,
            return_sends,
            Box::new(switch_return),
        ),
    ]
}

/// Removes everything from this device, at the second press.
fn forget_item() -> AnyView {
    let forget = ForgetAll::button();
    let label = reactive_text(move || forget.label());
    item("quiet item menu-forget", label, icon::CROSS, None, Box::new(move || forget.press()))
}

fn label(label: &'static str) -> ReactiveText {
    reactive_text(move || label.to_owned())
}

/// Draws one item of the menu. An item with `is_on` is a switch.
fn item(
    class: &'static str,
    label: ReactiveText,
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
