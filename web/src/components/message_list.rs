//! The messages, in a list that keeps its reader's place.

use std::rc::Rc;

use leptos::prelude::*;
use web_sys::{Element, HtmlElement};
use xmeet_shared::MessageId;

use super::each::{Item, each};
use super::icon::{self, Icon};
use super::live::{attribute, effect, flag, truth, when, words};
use crate::browser;
use crate::room::RowKey;
use crate::scroll::Scroller;
use crate::settings::Settings;
use crate::store::Store;

/// Older messages are asked for when the view comes this close to the top.
const LOAD_AHEAD_PX: f64 = 600.0;

/// A gap is filled when it comes this close to the view.
const FILL_AHEAD_PX: f64 = 300.0;

/// What of the list's place others need to know.
#[derive(Clone, Copy)]
struct Place {
    scroller: StoredValue<Option<Rc<Scroller>>, LocalStorage>,
    is_at_bottom: RwSignal<bool>,
    /// The newest message when the view was last at the bottom.
    seen: RwSignal<MessageId>,
}

impl Place {
    fn to_bottom(self) {
        if let Some(scroller) = self.scroller.get_value() {
            scroller.to_bottom();
        }
    }

    /// Starts to keep the place, from where the list was left when the page was drawn before.
    fn keep(self, container: HtmlElement, content: HtmlElement, store: Store) {
        let left_at = store.left_at.get_untracked();
        let scroller = Scroller::watch(container, content, left_at, move |scroller| {
            self.moved(scroller, store);
        });
        self.scroller.set_value(Some(scroller));
    }

    /// After each change of place: what is near is loaded, and what is seen is known.
    fn moved(self, scroller: &Scroller, store: Store) {
        let is_at_bottom = scroller.is_at_bottom();
        if self.is_at_bottom.get_untracked() != is_at_bottom {
            self.is_at_bottom.set(is_at_bottom);
        }
        store.left_at.set(scroller.place());
        if scroller.top() < LOAD_AHEAD_PX {
            store.load_older(false);
        }
        for (gap, is_below) in scroller.near("[data-row=gap]", FILL_AHEAD_PX) {
            // From the side that the reader comes from.
            let side = if is_below { "data-first" } else { "data-last" };
            if let Some(target) = read_id(&gap, side) {
                store.load(target, false);
            }
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
    let place = Place {
        scroller: StoredValue::new_local(None),
        is_at_bottom: RwSignal::new(true),
        seen: store.seen,
    };
    // Once it is on the page.
    request_animation_frame(move || {
        if let (Some(container), Some(content)) =
            (browser::find("[data-testid=log]"), browser::find(".log-content"))
        {
            place.keep(container, content, store);
        }
    });
    effect(move || {
        let newest = store.newest.get();
        // Seen at the bottom; and a history that was wiped begins anew.
        if place.is_at_bottom.get() || newest < place.seen.get_untracked() {
            place.seen.set(newest);
        }
    });
    let mut said_before = store.said.get_untracked();
    effect(move || {
        let said = store.said.get();
        if said != said_before {
            said_before = said;
            place.to_bottom();
        }
    });
    view! {
        <div class="log-frame">
            <div
                class="log"
                data-testid="log"
                role="log"
                aria-live="polite"
                aria-label=text.log_label
                aria-busy=truth(move || store.is_catching_up.get())
                tabindex="0"
            >
                <div class="log-content">
                    {each(move || store.rows.get().into_iter().map(Item::Row).collect())}
                    {empty()}
                </div>
            </div>
            {jump_pill(place)}
        </div>
    }
}

/// What stands in a room where nothing was said yet.
fn empty() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let is_empty = move || {
        let is_ours = |row: &RowKey| matches!(row, RowKey::Local(_));
        let nothing_waits = |rows: &Vec<RowKey>| !rows.is_empty() && !rows.iter().any(is_ours);
        store.newest.get() == 0 && store.rows.with(nothing_waits)
    };
    when(is_empty, move || {
        view! {
            <div class="empty">
                <Icon path=icon::MARK/>
                <strong>{text.empty_title}</strong>
                <span>{text.empty_hint}</span>
            </div>
        }
    })
}

/// Leads back to the bottom, and counts what is new there.
fn jump_pill(place: Place) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let count = move || store.newest.get().saturating_sub(place.seen.get());
    let label = move || match count() {
        0 => text.jump.to_owned(),
        count => (text.new_messages)(count),
    };
    when(
        move || !place.is_at_bottom.get(),
        move || {
            view! {
                <button
                    type="button"
                    class="jump"
                    class:new=flag(move || count() > 0)
                    data-testid="jump"
                    data-count=attribute(move || Some(count().to_string()))
                    on:click=move |_| place.to_bottom()
                >
                    <Icon path=icon::DOWN/>
                    <span>{words(label)}</span>
                </button>
            }
        },
    )
}
