//! Requests history pages and times them out.

use xmeet_shared::{ClientCommand, Cursor, MessageId};

use super::pause::bounded_wait_ms;
use super::{ClientCore, Effect, Now, Timer};
use crate::connection::Millis;

/// The longest time for the answer to a page request. The time by which another message may delay
/// the answer is added.
const PAGE_TIMEOUT_MS: Millis = 10_000;

impl ClientCore {
    /// Loads messages older than the oldest held one. During a pause, has no effect unless
    /// `is_retry` is true.
    pub(super) fn load_older(&mut self, is_retry: bool, now: Now) {
        if is_retry || !self.is_paused() {
            let cursor = self.room.load_older(is_retry);
            self.request_if_any(cursor, now);
        }
    }

    /// Loads the page with message `target`. During a pause, has no effect unless `is_retry` is
    /// true.
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

    /// Loads the newest message.
    pub(super) fn go_to_newest(&mut self, now: Now) {
        let cursor = self.room.load_newest();
        self.request_if_any(cursor, now);
    }

    fn request_if_any(&mut self, cursor: Option<Cursor>, now: Now) {
        if let Some(cursor) = cursor {
            self.request_page(cursor, now);
        }
    }

    /// Requests a page and sets the timeout of the request.
    pub(super) fn request_page(&mut self, cursor: Cursor, now: Now) {
        let timer = Timer::PageTimeout(self.room.request_number());
        self.send(ClientCommand::History(cursor).to_string(), now);
        let after_ms = PAGE_TIMEOUT_MS + self.machine.frame_ms();
        self.emit(Effect::SetTimer { timer, after_ms });
        self.redraw.rows = true;
    }

    /// Gives up page request `number`. Extends the timeout instead while announced bytes are
    /// arriving.
    pub(super) fn on_page_timeout(&mut self, number: u64, now: Now) {
        let after_ms = self.machine.receiving_ms(now.elapsed_ms);
        if after_ms > 0 {
            self.emit(Effect::SetTimer { timer: Timer::PageTimeout(number), after_ms });
        } else if self.room.on_page_timeout(number) {
            self.send_waiting(now);
        }
    }

    /// Sets the timer after which the rate-limited page request `number` is sent again.
    pub(super) fn schedule_page_retry(&mut self, number: u64, wait_ms: u64) {
        let (timer, after_ms) = (Timer::RetryPage(number), bounded_wait_ms(wait_ms));
        self.emit(Effect::SetTimer { timer, after_ms });
    }

    /// Sends the rate-limited page request `number` again. During a pause, waits for its end first.
    pub(super) fn retry_page(&mut self, number: u64, now: Now) {
        if self.is_paused() {
            return self.schedule_page_retry(number, self.pause.left_s * 1000);
        }
        let cursor = self.room.retry_page(number);
        self.request_if_any(cursor, now);
    }
}
