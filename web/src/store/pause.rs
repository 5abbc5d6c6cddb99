//! A server that asks to wait: nothing is sent until it listens again, for whoever goes on
//! regardless is closed. What was refused is back in the message box meanwhile. A page of the
//! history that comes later holds nothing else back.

use leptos::prelude::*;
use xmeet_shared::{ErrorCode, UnixMillis};

use super::Store;
use crate::browser;
use crate::room::Notice;

/// The longest pause: a server that wants a longer one says so again.
const PAUSE_MS_MAX: u64 = 60_000;

/// A wait that the server asks for, for a timer.
fn timer_ms(wait_ms: u64) -> i32 {
    i32::try_from(wait_ms.min(PAUSE_MS_MAX)).unwrap_or(i32::MAX)
}

/// Whole seconds from `now` to `until`, rounded up; none once it is over.
pub(super) fn seconds_until(until: UnixMillis) -> u64 {
    u64::try_from(until - browser::now()).unwrap_or(0).div_ceil(1000)
}

impl Store {
    /// The server wants to hear nothing for so long.
    pub(super) fn pause(self, wait_ms: u64) {
        let wait_ms = timer_ms(wait_ms);
        self.inner().paused_until.set(browser::now() + UnixMillis::from(wait_ms));
        self.show_pause();
        browser::after(wait_ms, move || self.show_pause());
    }

    /// Asks again for the page of the request with this number, which the server put off for so
    /// long.
    pub(super) fn ask_again(self, number: u64, wait_ms: u64) {
        browser::after(timer_ms(wait_ms), move || {
            if self.is_paused() {
                return self.ask_again(number, self.pause_s.get_untracked() * 1000);
            }
            let cursor = self.inner().model.borrow_mut().ask_again(number);
            if let Some(cursor) = cursor {
                self.ask_page(cursor);
            }
        });
    }

    /// Brings the seconds up to date, and once they are over takes the words about them away.
    pub(super) fn show_pause(self) {
        let inner = self.inner();
        let left_s = seconds_until(inner.paused_until.get());
        if left_s == self.pause_s.get_untracked() {
            return;
        }
        self.pause_s.set(left_s);
        let is_about_it = |notice: &Option<Notice>| notice.as_ref().is_some_and(is_pause);
        if left_s == 0 && inner.notice.with_untracked(is_about_it) {
            self.set_notice(None);
        }
    }

    /// Whether nothing can be sent yet.
    pub(super) fn is_paused(self) -> bool {
        self.pause_s.get_untracked() > 0
    }

    /// The same, for somebody who tries: who is told again.
    pub fn holds_back(self) -> bool {
        if self.is_paused() {
            let code = Some(ErrorCode::RateLimited);
            let retry_after_ms = Some(self.pause_s.get_untracked() * 1000);
            self.set_notice(Some(Notice { code, words: String::new(), retry_after_ms }));
        }
        self.is_paused()
    }
}

fn is_pause(notice: &Notice) -> bool {
    notice.code == Some(ErrorCode::RateLimited)
}
