//! The message list. It keeps the reader's place while rows come and go.

use leptos::prelude::*;

use super::announcer::announcer;
use super::copying::copied;
use super::icon::{self, Icon};
use super::log_keys;
use super::row::row_view;
use crate::browser;
use crate::context::{ListView, MessageBox, RoomView};
use crate::reactive::{attribute, dynamic, effect, flag, keyed_list, reactive_text, show_if};
use crate::room::RowKey;
use crate::settings::Settings;

/// The list.
#[component]
pub fn MessageList() -> impl IntoView {
    let (text, room, list) = (Settings::text(), RoomView::get(), ListView::get());
    let message_box = MessageBox::get();
    // The list has no size before it is on the page.
    browser::next_frame(move || list.attach());
    on_cleanup(move || list.detach());
    effect(move || {
        let _ = room.keys();
        list.rows_changed();
    });
    view! {
        <div class="log-frame">
            <div
                class="log"
                node_ref=list.log
                role="log"
                // The announcer reads new rows aloud.
                aria-live="off"
                aria-label=text.log_label
                tabindex="0"
                on:copy=move |event| copied(&event, list)
                on:keydown=move |event| log_keys::pressed(&event, list, message_box)
                on:focusout=|event| log_keys::left(&event)
            >
                <div class="log-content" node_ref=list.content>
                    {keyed_list(move || room.keys(), row_view)}
                    {empty()}
                </div>
            </div>
            {jump_pill()}
            {announcer()}
        </div>
    }
}

/// Stands in for the rows of a room without messages, and of a room that was not reached yet.
fn empty() -> AnyView {
    let (text, room) = (Settings::text(), RoomView::get());
    let is_empty = move || {
        let keys = room.keys();
        let has_message = keys.iter().any(RowKey::is_message);
        room.status().newest.get() == 0 && !keys.is_empty() && !has_message
    };
    // A page that was opened without a network has no rows at all.
    let is_unreachable = move || room.status().is_interrupted.get() && room.keys().is_empty();
    let unreachable = move || {
        dynamic(move || {
            let (title, hint) = if room.status().is_full.get() {
                (text.full, text.full_hint)
            } else {
                (text.offline_title, text.offline_hint)
            };
            placeholder(title, hint)
        })
    };
    view! {
        {show_if(is_empty, move || placeholder(text.empty_title, text.empty_hint))}
        {show_if(is_unreachable, unreachable)}
    }
    .into_any()
}

fn placeholder(title: &'static str, hint: &'static str) -> AnyView {
    view! {
        <div class="empty">
            <Icon path=icon::MARK/>
            <strong>{title}</strong>
            <span>{hint}</span>
        </div>
    }
    .into_any()
}

/// Leads back to the bottom, and counts the unread messages there.
fn jump_pill() -> AnyView {
    let (text, room, list) = (Settings::text(), RoomView::get(), ListView::get());
    let count = move || room.status().unread.get();
    let label = move || match count() {
        0 => text.jump.to_owned(),
        count => (text.new_messages)(count),
    };
    let pill = move || {
        view! {
            <button
                type="button"
                class="jump"
                class:new=flag(move || count() > 0)
                data-count=attribute(move || Some(count().to_string()))
                on:click=move |_| list.to_bottom()
            >
                <Icon path=icon::DOWN/>
                <span>{reactive_text(label)}</span>
            </button>
        }
    };
    show_if(move || !list.is_at_bottom.get(), pill)
}
