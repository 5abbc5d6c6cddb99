//! The messages, in a list that keeps its reader's place.

use leptos::prelude::*;
use web_sys::Element;
use xmeet_shared::MessageId;

use super::announcer::announcer;
use super::copying::copied;
use super::each::{Item, each};
use super::icon::{self, Icon};
use super::live::{attribute, effect, flag, live, when, words};
use super::log_keys;
use crate::browser;
use crate::room::RowKey;
use crate::scroll::Scroller;
use crate::settings::Settings;
use crate::store::{Store, UNREAD_LINE};

/// Older messages are asked for when the view comes this close to the top.
const LOAD_AHEAD_PX: f64 = 600.0;

/// A gap is filled when it comes this close to the view.
const FILL_AHEAD_PX: f64 = 300.0;

/// Starts to keep the place: where the list was left when the page was drawn before, or, when it
/// was just opened, where there is something to go on reading.
fn keep_place(store: Store) {
    let (Some(container), Some(content)) = (browser::find(".log"), browser::find(".log-content"))
    else {
        return;
    };
    let goal = store.is_opening().then(|| UNREAD_LINE.to_owned());
    let scroller = Scroller::watch(container, content, store.left_at(), goal, move |scroller| {
        moved(scroller, store);
    });
    store.set_scroller(scroller);
}

/// After each change of place: what is near is loaded, and what is seen is known.
fn moved(scroller: &Scroller, store: Store) {
    let is_at_bottom = scroller.is_at_bottom();
    if store.is_at_bottom.get_untracked() != is_at_bottom {
        store.is_at_bottom.set(is_at_bottom);
    }
    store.stand(is_at_bottom, scroller.is_aiming());
    store.set_left_at(scroller.place());
    if scroller.top() < LOAD_AHEAD_PX {
        store.load_older(false);
    }
    for (gap, is_below) in scroller.near("[data-row=gap]", FILL_AHEAD_PX) {
        // From the side that the reader comes from.
        let is_from_above = is_below || gap.has_attribute("data-tail");
        let side = if is_from_above { "data-first" } else { "data-last" };
        if let Some(target) = read_id(&gap, side) {
            store.load(target, false);
        }
    }
}

fn read_id(row: &Element, attribute: &str) -> Option<MessageId> {
    row.get_attribute(attribute)?.parse().ok()
}

/// The list.
#[component]
pub fn MessageList() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    // Once it is on the page.
    browser::next_frame(move || keep_place(store));
    let mut said_before = store.said.get_untracked();
    effect(move || {
        let said = store.said.get();
        if said != said_before {
            said_before = said;
            store.to_bottom();
        }
    });
    effect(move || {
        let _ = store.keys();
        store.settle();
    });
    view! {
        <div class="log-frame">
            <div
                class="log"
                role="log"
                aria-live="off"
                aria-label=text.log_label
                tabindex="0"
                on:copy=|event| copied(&event)
                on:keydown=move |event| log_keys::pressed(&event, store)
            >
                <div class="log-content">
                    {each(move || store.keys().into_iter().map(Item::Row).collect())}
                    {empty()}
                </div>
            </div>
            {jump_pill()}
            {announcer()}
        </div>
    }
}

/// What stands in a room where nothing was said yet, and in one that could not be reached yet.
fn empty() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let is_empty = move || {
        let keys = store.keys();
        store.newest.get() == 0 && !keys.is_empty() && !keys.iter().any(RowKey::is_message)
    };
    // A page that was opened without a network: there is nothing to show yet.
    let is_out_of_reach = move || store.is_cut.get() && store.keys().is_empty();
    let out_of_reach = move || {
        live(move || {
            let (title, hint) = if store.is_full.get() {
                (text.full, text.full_hint)
            } else {
                (text.offline_title, text.offline_hint)
            };
            in_its_place(title, hint)
        })
    };
    view! {
        {when(is_empty, move || in_its_place(text.empty_title, text.empty_hint))}
        {when(is_out_of_reach, out_of_reach)}
    }
    .into_any()
}

fn in_its_place(title: &'static str, hint: &'static str) -> AnyView {
    view! {
        <div class="empty">
            <Icon path=icon::MARK/>
            <strong>{title}</strong>
            <span>{hint}</span>
        </div>
    }
    .into_any()
}

/// Leads back to the bottom, and counts what is new there.
fn jump_pill() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let count = move || store.unread.get();
    let label = move || match count() {
        0 => text.jump.to_owned(),
        count => (text.new_messages)(count),
    };
    when(
        move || !store.is_at_bottom.get(),
        move || {
            view! {
                <button
                    type="button"
                    class="jump"
                    class:new=flag(move || count() > 0)
                    data-count=attribute(move || Some(count().to_string()))
                    on:click=move |_| store.to_bottom()
                >
                    <Icon path=icon::DOWN/>
                    <span>{words(label)}</span>
                </button>
            }
        },
    )
}
