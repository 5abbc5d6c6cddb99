//! Brings the signals up to date with the model, once per frame.

use std::rc::Rc;

use leptos::prelude::*;
use xmeet_shared::UnixMillis;

use super::Store;
use super::actions::OLDEST;
use super::watched::Watched;
use crate::browser;
use crate::room::{Row, Top};
use crate::time::{Day, LocalTime};

/// A hidden page has no frames; it is brought up to date all the same.
const HIDDEN_FLUSH_MS: i32 = 250;

/// The browser's clock is asked for its offset once per this span: every zone changes its offset
/// on a quarter of an hour.
const OFFSET_SPAN_MS: UnixMillis = 15 * 60_000;

/// The reader's day at `now`.
pub(super) fn today(now: UnixMillis) -> Day {
    LocalTime::new(now, browser::offset_minutes(now)).day
}

/// The offset of the browser's zone at a moment, remembering the last answer: rows come in order.
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

impl Store {
    /// The model changed: draw it with the next frame. Positions in the list are read before and
    /// after in that one frame, so this is the only way in which rows change.
    pub(super) fn schedule_flush(self) {
        if self.inner().flush_is_set.replace(true) {
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
        let scroller = self.scroller();
        let is_aiming = scroller.as_ref().is_some_and(|scroller| scroller.is_aiming());
        let going_to = inner.going_to.get().filter(|_| is_aiming);
        let place = scroller.as_ref().and_then(|scroller| scroller.place());
        let (rows, newest, has_tail, is_fetching) = {
            let mut model = inner.model.borrow_mut();
            model.trim(going_to.or(place.map(|place| place.id)));
            let log = model.log();
            let (head, has_tail) = (log.head(), log.tail().is_some());
            (model.rows(&mut offsets()), head, has_tail, model.is_fetching())
        };
        if let Some(scroller) = scroller {
            scroller.hold(has_tail);
        }
        let is_opening = self.is_opening();
        let is_in_sight = |row: &Row| match row {
            Row::Unread => is_opening,
            Row::Top(Top::Beginning) => going_to == Some(OLDEST),
            Row::Message(row) => going_to.is_some() && row.message.id == going_to,
            _ => false,
        };
        let is_sought_in_vain = !is_fetching && !rows.iter().any(|(_, row)| is_in_sight(row));
        let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
        let mut changed = Vec::new();
        {
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
        }
        if inner.people_changed.take() {
            let changes = inner.people.with_untracked(|changes| *changes);
            inner.people.set(changes + 1);
            let my_name = inner.model.borrow().my_name();
            inner.my_name.set(my_name);
        }
        for row in changed {
            row.tell();
        }
        inner.keys.set(keys);
        if self.newest.get_untracked() != newest {
            self.newest.set(newest);
        }
        if is_sought_in_vain {
            self.stop_seeking();
        }
        self.remember_read();
        self.unhush();
    }
}
