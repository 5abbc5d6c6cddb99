//! Who is present, and which part of the member list is on the page.

use leptos::prelude::*;
use xmeet_shared::Pid;

use super::Store;
use crate::browser;
use crate::member_window::{self, View};
use crate::room::members::{NameStyle, Person};
use crate::room::names::NameSet;

/// The member list, which scrolls.
const LIST: &str = "#member-list";

/// One entry of the member list.
const ENTRY: &str = "#member-list li";

/// The height of an entry before one is on the page, in CSS pixels.
const ENTRY_PX: f64 = 44.0;

/// How many entries are on the page before the list was measured.
pub(super) fn window_at_first() -> u64 {
    member_window::WHOLE_MAX as u64
}

impl Store {
    /// How many are present. Reactive, like all that follow.
    #[must_use]
    pub fn count(self) -> u64 {
        self.inner().count.with(|count| *count)
    }

    /// Returns the count as text, empty while we are in no room. Reactive.
    #[must_use]
    pub fn count_text(self) -> String {
        match self.count() {
            0 => String::new(),
            count => count.to_string(),
        }
    }

    /// Whether this is us.
    #[must_use]
    pub fn is_me(self, pid: &Pid) -> bool {
        self.inner().me.with(|me| me.as_ref() == Some(pid))
    }

    /// Our own id and what we are called.
    #[must_use]
    pub fn myself(self) -> Option<Person> {
        let inner = self.inner();
        let pid = inner.me.with(Clone::clone)?;
        let name = inner.my_name.with(Clone::clone)?;
        Some(Person { pid, name })
    }

    /// Returns how the name of a member is drawn, or of somebody who was one.
    #[must_use]
    pub fn name_style(self, pid: &Pid, name: &str) -> NameStyle {
        let inner = self.inner();
        if let Some(group) = inner.styles.get(NameSet::group_of(name)) {
            group.with(|()| ());
        }
        self.room(|room| room.name_style(pid, name))
    }

    /// Returns the members that stand on the page, oldest member first. Where there are many, these
    /// are the ones in view, and none while the list is shut.
    #[must_use]
    pub fn members_on_page(self) -> Vec<Person> {
        let is_shut = !self.members_open.get() && !self.members_beside.get();
        if is_shut && self.count() > member_window::WHOLE_MAX as u64 {
            return Vec::new();
        }
        let (first, end) = self.member_window;
        let (first, end) = (first.get() as usize, end.get() as usize);
        let take = end.saturating_sub(first);
        let filter = self.member_filter.with(|filter| browser::spellings(filter));
        self.inner().people.with(|_| ());
        self.room(|room| {
            let people = room.people().iter();
            if filter.is_empty() {
                return people.skip(first).take(take).cloned().collect();
            }
            let found = |person: &&Person| member_window::matches(&person.name, &filter);
            people.filter(found).skip(first).take(take).cloned().collect()
        })
    }

    /// Returns how many members the filter lets through.
    #[must_use]
    pub fn members_found(self) -> u64 {
        let filter = self.member_filter.with(|filter| browser::spellings(filter));
        if filter.is_empty() {
            return self.count();
        }
        self.inner().people.with(|_| ());
        let found = |person: &&Person| member_window::matches(&person.name, &filter);
        self.room(|room| room.people().iter().filter(found).count() as u64)
    }

    /// Returns the place of a member among those in the list, from 1. `None` where all of the list
    /// is on the page, and while it is filtered.
    #[must_use]
    pub fn member_place(self, pid: &Pid) -> Option<u64> {
        let is_whole = self.count() <= member_window::WHOLE_MAX as u64;
        if is_whole || self.member_filter.with(|filter| !filter.is_empty()) {
            return None;
        }
        self.inner().people.with(|_| ());
        let place = self.room(|room| room.member_index(pid));
        place.map(|place| place as u64 + 1)
    }

    /// The list was scrolled, changed its length or its height: brings the part of it that is on
    /// the page up to date.
    pub fn show_members_in_view(self) {
        let Some(list) = browser::find(LIST) else { return };
        let entry_px = browser::find(ENTRY)
            .map(|entry| entry.get_bounding_client_rect().height())
            .filter(|height| *height > 1.0);
        let view = View {
            entry_px: entry_px.unwrap_or(ENTRY_PX),
            top_px: f64::from(list.scroll_top()),
            height_px: f64::from(list.client_height()),
        };
        let count = untrack(|| self.members_found());
        let window = view.window(count as usize);
        let (first, end) = self.member_window;
        let is_changed = first.get_untracked() != window.start as u64
            || end.get_untracked() != window.end as u64;
        if is_changed {
            first.set(window.start as u64);
            end.set(window.end as u64);
            browser::next_frame(browser::rescue_focus);
        }
        let rest = (count as usize).saturating_sub(window.end);
        let px = |entries: usize| format!("{}px", entries as f64 * view.entry_px);
        let style = list.style();
        let _ = style.set_property("--before", &px(window.start));
        let _ = style.set_property("--after", &px(rest));
    }

    /// Shows the members whose names have this in them.
    pub fn filter_members(self, filter: String) {
        self.member_filter.set(filter);
        if let Some(list) = browser::find(LIST) {
            list.set_scroll_top(0);
        }
        self.show_members_in_view();
    }
}
