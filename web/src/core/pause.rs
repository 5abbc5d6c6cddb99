//! The pause after a rate-limit refusal. The server closes the connection of a client that goes on
//! sending. A refused text returns to the message box. A refused page request does not start a
//! pause.

use xmeet_shared::ErrorCode;

use super::{ClientCore, Effect, Now, Timer, seconds_until};
use crate::connection::Millis;
use crate::room::Notice;

/// The longest pause. A server that wants a longer one refuses again after it.
const PAUSE_MS_MAX: u64 = 60_000;

/// The pause that the server asked for.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Millis,
    /// The seconds until its end, as shown; 0 without a pause.
    pub(super) left_s: u64,
}

/// Returns a wait that the server asked for, at most [`PAUSE_MS_MAX`].
pub(super) fn bounded_wait_ms(wait_ms: u64) -> Millis {
    Millis::try_from(wait_ms.min(PAUSE_MS_MAX)).unwrap_or(Millis::MAX)
}

impl ClientCore {
    /// Starts a pause.
    pub(super) fn start_pause(&mut self, wait_ms: u64, now: Now) {
        let after_ms = bounded_wait_ms(wait_ms);
        self.pause.until = now.elapsed_ms + after_ms;
        self.update_pause(now);
        self.emit(Effect::SetTimer { timer: Timer::Pause, after_ms });
    }

    /// Updates the countdown and removes the notice about the pause at its end.
    pub(super) fn update_pause(&mut self, now: Now) {
        let left_s = seconds_until(self.pause.until, now.elapsed_ms);
        let is_over = self.is_paused() && left_s == 0;
        self.pause.left_s = left_s;
        if is_over && self.notice.as_ref().is_some_and(is_about_pause) {
            self.notice = None;
        }
    }

    pub(super) fn remind_of_pause(&mut self) {
        if self.is_paused() {
            let code = Some(ErrorCode::RateLimited);
            let retry_after_ms = Some(self.pause.left_s * 1000);
            self.notice = Some(Notice { code, words: String::new(), retry_after_ms });
        }
    }
}

fn is_about_pause(notice: &Notice) -> bool {
    notice.code == Some(ErrorCode::RateLimited)
}
