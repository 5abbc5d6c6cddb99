//! How often somebody who is not looking is called.

use crate::connection::Millis;

/// After one call the next waits for so long: a burst of messages calls once.
const PAUSE_MS: Millis = 5_000;

/// How much of a message a call tells.
const EXCERPT_CHARS: usize = 120;

/// The calls of one room.
#[derive(Debug, Default)]
pub struct NotificationThrottle {
    notified_at: Option<Millis>,
}

impl NotificationThrottle {
    /// Whether to call at `now`. Who is named is called in any case.
    pub fn allows(&mut self, now: Millis, is_mention: bool) -> bool {
        let is_pause = self.notified_at.is_some_and(|at| now - at < PAUSE_MS);
        let calls = is_mention || !is_pause;
        if calls {
            self.notified_at = Some(now);
        }
        calls
    }
}

/// The beginning of a text.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_calls_once_and_a_name_always() {
        let mut throttle = NotificationThrottle::default();
        let calls: Vec<_> = [(0, false), (1, false), (4_999, false), (5_000, false), (5_001, true)]
            .into_iter()
            .map(|(now, is_mention)| throttle.allows(now, is_mention))
            .collect();
        assert_eq!(calls, [true, false, false, true, true]);
        assert!(!throttle.allows(10_000, false), "the pause begins with the last call");
    }

    #[test]
    fn a_call_tells_the_beginning_of_a_long_text() {
        assert_eq!(excerpt(&"汉".repeat(120)), "汉".repeat(120));
        assert_eq!(excerpt(&"汉".repeat(121)), format!("{}…", "汉".repeat(120)));
        assert_eq!(excerpt(""), "");
    }
}
