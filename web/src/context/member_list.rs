//! The member list: which part of it is on the page, and the filter over it.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlUListElement};
use xmeet_shared::Pid;

use super::client::Client;
use super::focus::Focus;
use super::panels::Panels;
use super::room_view::RoomView;
use crate::browser;
use crate::member_window::{self, View, WHOLE_MAX};
use crate::reactive::{ElementRef, Shared, Tracked};
use crate::room::Room;
use crate::room::members::Person;

/// The height of an entry before one was measured, in CSS pixels.
const ENTRY_PX: f64 = 44.0;

/// A handle to the member list. Copies are the same list.
#[derive(Clone, Copy)]
pub struct MemberList {
    client: Client,
    room: RoomView,
    panels: Panels,
    focus: Focus,
    /// The element that scrolls, with an entry for each member on the page.
    pub list: ElementRef<HtmlUListElement>,
    /// The text that filters the list by name.
    pub filter: RwSignal<String>,
    /// The entries on the page: the index of the first, and the index behind the last.
    window: Shared<Tracked<(usize, usize)>>,
}

impl MemberList {
    pub(super) fn new(client: Client, room: RoomView, panels: Panels, focus: Focus) -> Self {
        Self {
            client,
            room,
            panels,
            focus,
            list: ElementRef::new(),
            filter: RwSignal::new(String::new()),
            window: Shared::new(Tracked::new((0, WHOLE_MAX))),
        }
    }

    /// Moves the focus to the list.
    pub fn focus(self) {
        if let Some(list) = self.list.get() {
            let _ = list.focus();
        }
    }

    /// Returns whether a filter is set. Reactive, like all that follow.
    #[must_use]
    pub fn is_filtered(self) -> bool {
        self.filter.with(|filter| !filter.is_empty())
    }

    /// Returns the members on the page, oldest member first. Of a long list these are the members
    /// in view, and none while the list is closed.
    #[must_use]
    pub fn on_page(self) -> Vec<Person> {
        if !self.panels.is_member_list_visible() && self.room.member_count() > WHOLE_MAX as u64 {
            return Vec::new();
        }
        let (first, end) = self.window.get().get();
        let filter = self.filter.with(|filter| browser::spellings(filter));
        self.room.track_members();
        self.client.room(|room| {
            filtered(room, &filter).skip(first).take(end.saturating_sub(first)).cloned().collect()
        })
    }

    /// Returns how many members match the filter.
    #[must_use]
    pub fn found(self) -> usize {
        let filter = self.filter.with(|filter| browser::spellings(filter));
        self.room.track_members();
        self.client.room(|room| filtered(room, &filter).count())
    }

    /// Returns a member's position in the list, from 1. `None` if the whole list is on the page, or
    /// if it is filtered.
    #[must_use]
    pub fn position(self, pid: &Pid) -> Option<u64> {
        let is_whole = self.room.member_count() <= WHOLE_MAX as u64;
        if is_whole || self.is_filtered() {
            return None;
        }
        self.room.track_members();
        let place = self.client.room(|room| room.member_index(pid));
        place.map(|place| place as u64 + 1)
    }

    /// Filters the list by name.
    pub fn set_filter(self, filter: String) {
        self.filter.set(filter);
        if let Some(list) = self.list.get() {
            list.set_scroll_top(0);
        }
        self.view_changed();
    }

    /// After the list was scrolled or has changed its length or its height: puts the entries in
    /// view on the page.
    pub fn view_changed(self) {
        let Some(list) = self.list.get() else { return };
        let entry_px = list
            .first_element_child()
            .map(|entry| entry.get_bounding_client_rect().height())
            .filter(|height| *height > 1.0);
        let view = View {
            entry_px: entry_px.unwrap_or(ENTRY_PX),
            top_px: f64::from(list.scroll_top()),
            height_px: f64::from(list.client_height()),
        };
        let count = untrack(|| self.found());
        let window = view.window(count);
        let shown = self.window.get();
        if shown.replace((window.start, window.end)) {
            shown.notify();
            self.focus.rescue_next_frame();
        }
        // The entries that are not on the page leave their height.
        let rest = count.saturating_sub(window.end);
        let px = |entries: usize| format!("{}px", view.px_of(entries));
        let list: &HtmlElement = list.unchecked_ref();
        let _ = list.style().set_property("--before", &px(window.start));
        let _ = list.style().set_property("--after", &px(rest));
    }
}

fn filtered<'a>(room: &'a Room, filter: &'a [String]) -> impl Iterator<Item = &'a Person> {
    let matches =
        move |person: &&Person| filter.is_empty() || member_window::matches(&person.name, filter);
    room.people().iter().filter(matches)
}
