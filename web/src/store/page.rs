//! The page around the room: what the core shows, and the window, the day and the time zone.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Store, flush, is_narrow};
use crate::core::{PageEffect, Redraw};
use crate::scroll::Scroller;
use crate::{browser, version};

/// Where the member list has room beside the messages; `styles/room.css` says the same.
pub const MEMBERS_BESIDE: &str = "(min-width: 50rem)";

/// How often the day and the time zone are looked at.
const TICK_MS: i32 = 1_000;

/// All rows, for another day or zone changes them.
const ROWS: Redraw = Redraw { rows: true, people: false };

impl Store {
    pub(super) fn watch_page(self) {
        browser::every(TICK_MS, move || {
            self.note_zone();
            self.note_day();
        });
        browser::on("resize", move || self.resized());
        browser::on("visibilitychange", move || {
            if browser::is_hidden() {
                self.flush_out_of_sight();
            }
        });
    }

    /// Shows what the core wants to be shown.
    pub(super) fn show(self, effect: PageEffect) {
        match effect {
            PageEffect::Redraw(redraw) => self.redraw(redraw),
            PageEffect::StopAiming => self.scroll(Scroller::stop_aiming),
            PageEffect::ReturnText(text) => self.give_back(&text),
            PageEffect::OpenRename(name) => self.open_rename(name),
            PageEffect::Notify(notification) => self.notify_person(notification),
            PageEffect::CheckVersion => self.check_version(),
        }
    }

    fn check_version(self) {
        spawn_local(async move {
            if !self.is_outdated.get_untracked() && version::is_outdated().await {
                self.is_outdated.set(true);
            }
        });
    }

    fn resized(self) {
        let is_beside = browser::matches_media(MEMBERS_BESIDE);
        // Where the member list stands beside the messages, it cannot be open over them.
        if self.members_open.get_untracked() && is_beside {
            self.members_open.set(false);
        }
        if self.members_beside.get_untracked() != is_beside {
            self.members_beside.set(is_beside);
        }
        self.show_members_in_view();
        if self.is_narrow.get_untracked() != is_narrow() {
            self.is_narrow.set(is_narrow());
        }
    }

    /// A traveller, or a clock that changes to summer time, has other times on every row.
    fn note_zone(self) {
        let minutes = browser::offset_minutes(browser::now());
        if self.inner().zone_minutes.replace(minutes) != minutes {
            self.zones.update(|zones| *zones += 1);
            self.redraw(ROWS);
        }
    }

    fn note_day(self) {
        let today = flush::today(self.room(|room| room.server_time(browser::now())));
        if self.inner().today.put(today) {
            self.inner().today.tell();
            self.redraw(ROWS);
        }
    }
}
