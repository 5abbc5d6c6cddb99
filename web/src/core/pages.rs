//! Requests history pages and times them out.

use xmeet_shared::{ClientCommand, Cursor, MessageId};

use super::pause::bounded_wait_ms;
use super::{ClientCore, Effect, Now, Timer};
use crate::connection::Millis;

/// How long the answer to a page request may take, in addition to a text that precedes it.
const PAGE_TIMEOUT_MS: Millis = 10_000;

impl ClientCore {
    pub(super) fn load_older(&mut self, is_retry: bool, now: Now) {
        if is_retry || !self.is_paused() {
            let cursor = self.room.load_older(is_retry);
            self.request_if_any(cursor, now);
        }
    }

    pub(super) fn load(&mut self, target: MessageId, is_retry: bool, now: Now) {
        if is_retry || !self.is_paused() {
            let cursor = self.room.load(target, is_retry);
            self.request_if_any(cursor, now);
        }
    }

    /// Loads message `target` and makes it the goal of the list's jump.
    pub(super) fn go_to(&mut self, target: MessageId, now: Now) {
        self.goal = Some(target);
        let cursor = self.room.load_now(target);
        self.request_if_any(cursor, now);
    }

    pub(super) fn go_to_newest(&mut self, now: Now) {
        let cursor = self.room.load_newest();
        self.request_if_any(cursor, now);
    }

    fn request_if_any(&mut self, cursor: Option<Cursor>, now: Now) {
        if let Some(cursor) = cursor {
            self.request_page(cursor, now);
        }
    }

    /// Requests a page that the room wants and sets its timeout.
    pub(super) fn request_page(&mut self, cursor: Cursor, now: Now) {
        let timer = Timer::PageTimeout(self.room.request_number());
        self.send(ClientCommand::History(cursor).to_string(), now);
        let after_ms = PAGE_TIMEOUT_MS + self.machine.frame_ms();
        self.emit(Effect::SetTimer { timer, after_ms });
        self.redraw.rows = true;
    }

    /// Gives a page request up, or extends its timeout while announced bytes are arriving.
    pub(super) fn on_page_timeout(&mut self, number: u64, now: Now) {
        let after_ms = self.machine.receiving_ms(now.elapsed_ms);
        if after_ms > 0 {
            self.emit(Effect::SetTimer { timer: Timer::PageTimeout(number), after_ms });
        } else if self.room.on_page_timeout(number) {
            self.send_waiting(now);
        }
    }

    /// Sets the timer after which a rate-limited page request is sent again.
    pub(super) fn schedule_page_retry(&mut self, number: u64, wait_ms: u64) {
        let (timer, after_ms) = (Timer::RetryPage(number), bounded_wait_ms(wait_ms));
        self.emit(Effect::SetTimer { timer, after_ms });
    }

    /// Sends a rate-limited page request again.
    pub(super) fn retry_page(&mut self, number: u64, now: Now) {
        if self.is_paused() {
            return self.schedule_page_retry(number, self.pause.left_s * 1000);
        }
        let cursor = self.room.retry_page(number);
        self.request_if_any(cursor, now);
    }
}
