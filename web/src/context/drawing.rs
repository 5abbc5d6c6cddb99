//! Brings the page up to date with the core, once per frame.

use std::cell::Cell;
use std::rc::Rc;

use xmeet_shared::UnixMillis;

use super::client::Client;
use super::focus::Focus;
use super::list_view::ListView;
use super::member_list::MemberList;
use super::message_box::MessageBox;
use super::room_view::{RoomView, today};
use crate::badge::Tab;
use crate::browser;
use crate::core::{Input, Redraw};
use crate::reactive::{Shared, Tracked};
use crate::room::{Row, RowKey};

/// A hidden page has no frames. It is drawn after this time.
const HIDDEN_DRAW_MS: i32 = 250;

/// The browser is asked once in this span for the offset of its time zone: every zone changes its
/// offset on a quarter of an hour.
const OFFSET_SPAN_MS: UnixMillis = 15 * 60_000;

/// How often the day and the time zone are checked.
const TICK_MS: i32 = 1_000;

/// All rows: another day or time zone changes them.
const ROWS: Redraw = Redraw { rows: true, people: false };

/// Returns a function that returns the offset of the browser's time zone at a time. It remembers the
/// last answer, because rows come in order.
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

/// The rows as they are now.
struct Rows {
    keys: Vec<RowKey>,
    /// The rows that were in the list before and are different.
    changed: Vec<Rc<Tracked<Row>>>,
    /// Whether the row that the list is on its way to is among them.
    has_goal: bool,
}

struct Inner {
    /// The part of the page to draw next.
    redraw: Cell<Redraw>,
    is_scheduled: Cell<bool>,
    tab: Tab,
}

/// A handle to what draws the page.
#[derive(Clone, Copy)]
pub(super) struct Drawing {
    pub(super) client: Client,
    pub(super) room: RoomView,
    pub(super) list: ListView,
    pub(super) members: MemberList,
    pub(super) message_box: MessageBox,
    pub(super) focus: Focus,
    inner: Shared<Inner>,
}

impl Drawing {
    pub(super) fn new(
        client: Client,
        room: RoomView,
        list: ListView,
        members: MemberList,
        message_box: MessageBox,
        focus: Focus,
    ) -> Self {
        let inner = Inner {
            redraw: Cell::new(ROWS),
            is_scheduled: Cell::default(),
            tab: Tab::of(&client.room_id()),
        };
        let inner = Shared::new(inner);
        Self { client, room, list, members, message_box, focus, inner }
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get()
    }

    /// Draws with the next frame. Rows change in no other way, because the place in the list is read
    /// before and after the change in one frame.
    pub(super) fn schedule(self, Redraw { rows, people }: Redraw) {
        let inner = self.inner();
        let waiting = inner.redraw.get();
        inner.redraw.set(Redraw { rows: waiting.rows || rows, people: waiting.people || people });
        if inner.is_scheduled.replace(true) {
            return;
        }
        if browser::is_hidden() {
            browser::after(HIDDEN_DRAW_MS, move || self.draw());
        } else {
            browser::next_frame(move || self.draw());
        }
    }

    /// Draws a scheduled change without a frame: a hidden page gets no frames.
    pub(super) fn page_hidden(self) {
        if self.inner().is_scheduled.get() {
            browser::after(HIDDEN_DRAW_MS, move || self.draw());
        }
    }

    /// Draws now.
    pub(super) fn draw(self) {
        let inner = self.inner();
        inner.is_scheduled.set(false);
        let Redraw { rows, people } = inner.redraw.take();
        let rows = rows.then(|| self.read_rows());
        if people {
            self.show_members();
            self.message_box.members_changed();
        }
        let Some(Rows { keys, changed, has_goal }) = rows else { return self.show_status() };
        for row in changed {
            row.notify();
        }
        let parts = self.room.parts();
        parts.keys.set(keys);
        parts.today.set(today(self.client));
        self.show_status();
        self.client.input(Input::Drawn { has_goal });
    }

    fn read_rows(self) -> Rows {
        let scroller = self.list.scroller();
        let is_aiming = scroller.as_ref().is_some_and(|scroller| scroller.has_goal());
        let place = scroller.as_ref().and_then(|scroller| scroller.place());
        self.client.input(Input::Draw { reader: place.and_then(|place| place.id), is_aiming });
        if let Some(scroller) = scroller {
            self.list.before_rows_change(&scroller);
        }
        let rows = self.client.room(|room| room.rows(&mut offsets()));
        let has_goal = self.client.core(|core| rows.iter().any(|(_, row)| core.is_goal(row)));
        let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
        let mut changed = Vec::new();
        let parts = self.room.parts();
        let mut held = parts.rows.borrow_mut();
        let mut known = std::mem::take(&mut *held);
        for (key, row) in rows {
            let tracked = match known.remove(&key) {
                Some(tracked) => {
                    if tracked.replace(row) {
                        changed.push(Rc::clone(&tracked));
                    }
                    tracked
                }
                None => Rc::new(Tracked::new(row)),
            };
            held.insert(key, tracked);
        }
        Rows { keys, changed, has_goal }
    }

    fn show_status(self) {
        let status = self.client.core(|core| core.status());
        // The tab shows the number of unread messages while the page is not attended.
        self.inner().tab.show(if status.is_attended { 0 } else { status.unread });
        let parts = self.room.parts();
        if parts.status.set(status) {
            // A button that belonged to the earlier phase may have had the focus.
            self.focus.rescue_next_frame();
        }
        let announced = self
            .client
            .core(|core| core.announcements().recent().iter().map(|(number, _)| *number).collect());
        parts.announced.set(announced);
    }

    /// Shows changes of the members. A join notifies the rows and entries whose names it changes,
    /// not all of them.
    fn show_members(self) {
        let names = self.client.runtime().with_mut(|core| core.take_changed_names());
        let (count, me, my_name) = self
            .client
            .room(|room| (room.people().len() as u64, room.me().cloned(), room.my_name()));
        let parts = self.room.parts();
        parts.member_changes.set(parts.member_changes.read_untracked(|changes| changes + 1));
        parts.count.set(count);
        parts.me.set(me);
        parts.my_name.set(my_name);
        for group in names.groups() {
            parts.styles[group].notify();
        }
        self.members.view_changed();
        self.focus.rescue_next_frame();
    }

    /// Follows the day and the time zone, for as long as the page lives.
    pub(super) fn watch_clock(self) {
        browser::every(TICK_MS, move || {
            let parts = self.room.parts();
            let minutes = browser::offset_minutes(browser::now());
            if parts.zone_minutes.replace(minutes) {
                parts.zone_minutes.notify();
                self.schedule(ROWS);
            }
            let today = today(self.client);
            if parts.today.replace(today) {
                parts.today.notify();
                self.schedule(ROWS);
            }
        });
    }
}
