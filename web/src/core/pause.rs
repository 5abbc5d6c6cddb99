//! The pause after a rate-limit refusal: the page sends no texts and loads no history by itself.
//! The server closes the connection of a client that does not pause. A refused page request starts
//! no pause.

use xmeet_shared::ErrorCode;

use super::{ClientCore, Effect, Now, Timer, seconds_until};
use crate::connection::Millis;
use crate::room::Notice;

/// The longest pause. If the server wants a longer pause, it refuses the next text too.
const PAUSE_MS_MAX: u64 = 60_000;

/// The pause that the server asked for.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until_ms: Millis,
    /// The seconds until the end of the pause, rounded up; 0 without a pause.
    pub(super) left_s: u64,
}

/// Returns the wait that the server asked for, but at most [`PAUSE_MS_MAX`].
pub(super) fn bounded_wait_ms(wait_ms: u64) -> Millis {
    Millis::try_from(wait_ms.min(PAUSE_MS_MAX)).unwrap_or(Millis::MAX)
}

impl ClientCore {
    /// Starts a pause of `wait_ms` milliseconds.
    pub(super) fn start_pause(&mut self, wait_ms: u64, now: Now) {
        let after_ms = bounded_wait_ms(wait_ms);
        self.pause.until_ms = now.elapsed_ms + after_ms;
        self.update_pause(now);
        self.emit(Effect::SetTimer { timer: Timer::Pause, after_ms });
    }

    /// Updates the countdown of the pause. At the end of the pause, removes the notice about it.
    pub(super) fn update_pause(&mut self, now: Now) {
        let was_paused = self.is_paused();
        self.pause.left_s = seconds_until(self.pause.until_ms, now.elapsed_ms);
        let has_ended = was_paused && !self.is_paused();
        if has_ended && self.notice.as_ref().is_some_and(is_about_pause) {
            self.notice = None;
        }
    }

    /// Shows the notice about the pause again, with the remaining time.
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
