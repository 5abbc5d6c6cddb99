//! Brings the signals up to date with the model, once per frame.

use std::collections::HashSet;
use std::time::Duration;

use leptos::prelude::*;
use xmeet_shared::UnixMillis;

use super::Store;
use crate::browser;
use crate::time::{Day, LocalTime};

/// A hidden page has no frames; it is brought up to date all the same.
const HIDDEN_FLUSH: Duration = Duration::from_millis(250);

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
            set_timeout(move || self.flush(), HIDDEN_FLUSH);
        } else {
            request_animation_frame(move || self.flush());
        }
    }

    pub(super) fn flush(self) {
        let inner = self.inner();
        inner.flush_is_set.replace(false);
        let (rows, newest, me) = {
            let model = inner.model.borrow();
            (model.rows(&mut offsets()), model.log().newest(), model.me().cloned())
        };
        if self.me.with_untracked(|known| *known != me) {
            self.me.set(me);
        }
        let is_changed =
            self.people.with_untracked(|known| known.as_slice() != inner.model.borrow().people());
        if is_changed {
            self.people.set(inner.model.borrow().people().to_vec());
        }
        let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
        let mut signals = inner.row_signals.borrow_mut();
        let mut changed = Vec::new();
        for (key, row) in rows {
            match signals.get(&key) {
                Some(signal) if signal.with_untracked(|known| *known == row) => {}
                Some(signal) => changed.push((signal.clone(), row)),
                None => {
                    signals.insert(key, ArcRwSignal::new(row));
                }
            }
        }
        let present: HashSet<_> = keys.iter().copied().collect();
        signals.retain(|key, _| present.contains(key));
        drop(signals);
        for (signal, row) in changed {
            signal.set(row);
        }
        if self.rows.with_untracked(|known| *known != keys) {
            self.rows.set(keys);
        }
        if self.newest.get_untracked() != newest.unwrap_or(0) {
            self.newest.set(newest.unwrap_or(0));
        }
    }
}
