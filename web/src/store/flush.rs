//! Brings the signals up to date with the core, once per frame.

use std::rc::Rc;

use leptos::prelude::*;
use xmeet_shared::UnixMillis;

use super::watched::Watched;
use super::{Inner, Store};
use crate::browser;
use crate::core::{Input, Redraw, Status};
use crate::room::{Row, RowKey};
use crate::time::{Day, LocalTime};

/// A hidden page has no frames; it is brought up to date all the same.
const HIDDEN_FLUSH_MS: i32 = 250;

/// The browser's clock is asked for its offset once per this span: every zone changes its offset
/// on a quarter of an hour.
const OFFSET_SPAN_MS: UnixMillis = 15 * 60_000;

/// Returns the reader's day at `now`.
pub(super) fn today(now: UnixMillis) -> Day {
    LocalTime::new(now, browser::offset_minutes(now)).day
}

/// Returns the offset of the browser's zone at a moment, remembering the last answer: rows come in
/// order.
fn offsets() -> impl FnMut(UnixMillis) -> i32 {
    let mut last: Option<(UnixMillis, i32)> = None;
    move |at| {
        let span = at.div_euclid(OFFSET_SPAN_MS);
        match last {
            Some((known, offset)) if known == span => offset,
            _ => {
                let offset = browser::offset_minutes(at);
                last = Some((span, offset));
                offset
            }
        }
    }
}

/// The rows as they are now, and which of the rows that were there are different.
struct Drawing {
    keys: Vec<RowKey>,
    changed: Vec<Rc<Watched<Row>>>,
    has_goal: bool,
}

impl Store {
    /// Draws what has changed with the next frame. Positions in the list are read before and after
    /// in that one frame, so this is the only way in which rows change.
    pub(super) fn redraw(self, Redraw { rows, people }: Redraw) {
        let inner = self.inner();
        let waiting = inner.redraw.get();
        inner.redraw.set(Redraw { rows: waiting.rows || rows, people: waiting.people || people });
        if inner.flush_is_set.replace(true) {
            return;
        }
        if browser::is_hidden() {
            browser::after(HIDDEN_FLUSH_MS, move || self.flush());
        } else {
            browser::next_frame(move || self.flush());
        }
    }

    /// The page went out of sight: the frame that a flush waits for does not come any more.
    pub(super) fn flush_out_of_sight(self) {
        if self.inner().flush_is_set.get() {
            browser::after(HIDDEN_FLUSH_MS, move || self.flush());
        }
    }

    pub(super) fn flush(self) {
        let inner = self.inner();
        inner.flush_is_set.set(false);
        let Redraw { rows, people } = inner.redraw.take();
        let drawing = rows.then(|| self.draw_rows());
        if people {
            self.people_changed();
            self.refresh_menu();
        }
        if let Some(Drawing { keys, changed, has_goal }) = drawing {
            for row in changed {
                row.tell();
            }
            inner.keys.set(keys);
            inner.today.set(today(self.room(|room| room.server_time(browser::now()))));
            self.show_status(&inner);
            self.input(Input::Drawn { has_goal });
        } else {
            self.show_status(&inner);
        }
    }

    fn draw_rows(self) -> Drawing {
        let inner = self.inner();
        let scroller = self.scroller();
        let is_aiming = scroller.as_ref().is_some_and(|scroller| scroller.is_aiming());
        let place = scroller.as_ref().and_then(|scroller| scroller.place());
        self.input(Input::Draw { reader: place.and_then(|place| place.id), is_aiming });
        if let Some(scroller) = scroller {
            scroller.hold(self.room(|room| room.log().tail().is_some()));
        }
        let rows = self.room(|room| room.rows(&mut offsets()));
        let has_goal = inner.runtime.with(|core| rows.iter().any(|(_, row)| core.is_goal(row)));
        let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
        let mut changed = Vec::new();
        let mut held = inner.rows.borrow_mut();
        let mut known = std::mem::take(&mut *held);
        for (key, row) in rows {
            let watched = match known.remove(&key) {
                Some(watched) => {
                    if watched.put(row) {
                        changed.push(watched.clone());
                    }
                    watched
                }
                None => Rc::new(Watched::new(row)),
            };
            held.insert(key, watched);
        }
        Drawing { keys, changed, has_goal }
    }

    fn show_status(self, inner: &Inner) {
        let status = inner.runtime.with(|core| core.status());
        let Status { phase, connection_announcement, notice, is_attended, unread, .. } = status;
        set(self.newest, status.newest);
        set(self.retry_in_s, status.retry_in_s);
        set(self.pause_s, status.pause_s);
        set(self.unread, unread);
        set(self.is_full, status.is_full);
        set(self.is_cut, status.is_interrupted);
        set(self.lines_hidden, status.lines_hidden);
        inner.turn.set(connection_announcement);
        inner.notice.set(notice);
        if inner.phase.put(phase) {
            inner.phase.tell();
            // What could be pressed while the connection was away is gone now.
            browser::next_frame(browser::rescue_focus);
        }
        // The tab shows it too, while the page is not attended.
        inner.tab.show(if is_attended { 0 } else { unread });
        self.show_announcements();
    }

    /// Tells those who draw from what changed about who is present: a join tells the rows and
    /// entries whose names it touches, not all of them.
    fn people_changed(self) {
        let inner = self.inner();
        let names = inner.runtime.with_mut(|core| core.take_changed_names());
        let (count, me, my_name) =
            self.room(|room| (room.people().len() as u64, room.me().cloned(), room.my_name()));
        let changes = inner.people.with_untracked(|changes| *changes);
        inner.people.set(changes + 1);
        inner.count.set(count);
        inner.me.set(me);
        inner.my_name.set(my_name);
        for group in names.groups() {
            inner.styles[group].tell();
        }
        self.show_members_in_view();
        browser::next_frame(browser::rescue_focus);
    }
}

/// Sets a signal, if that changes it.
fn set<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|held| *held != value) {
        signal.set(value);
    }
}
