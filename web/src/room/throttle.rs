//! Limits how often the person is notified.

use crate::connection::Millis;

/// The shortest time between two notifications, except for mentions.
const PAUSE_MS: Millis = 5_000;

/// The most characters of a message in a notification.
const EXCERPT_CHARS: usize = 120;

/// The throttle of one room's notifications.
#[derive(Debug, Default)]
pub struct NotificationThrottle {
    notified_at: Option<Millis>,
}

impl NotificationThrottle {
    /// Returns whether to notify at `now`, and records the notification. Mentions always notify.
    pub fn allows(&mut self, now: Millis, is_mention: bool) -> bool {
        let is_pause = self.notified_at.is_some_and(|at| now - at < PAUSE_MS);
        let is_allowed = is_mention || !is_pause;
        if is_allowed {
            self.notified_at = Some(now);
        }
        is_allowed
    }
}

/// Returns the beginning of a text for a notification, with an ellipsis if it was cut.
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
    fn burst_of_messages_notifies_once_and_a_mention_always_notifies() {
        let mut throttle = NotificationThrottle::default();
        let allowed: Vec<_> =
            [(0, false), (1, false), (4_999, false), (5_000, false), (5_001, true)]
                .into_iter()
                .map(|(now, is_mention)| throttle.allows(now, is_mention))
                .collect();
        assert_eq!(allowed, [true, false, false, true, true]);
        assert!(!throttle.allows(10_000, false), "the pause starts with the latest notification");
    }

    #[test]
    fn excerpt_of_a_long_text_is_cut_at_120_characters() {
        assert_eq!(excerpt(&"汉".repeat(120)), "汉".repeat(120));
        assert_eq!(excerpt(&"汉".repeat(121)), format!("{}…", "汉".repeat(120)));
        assert_eq!(excerpt(""), "");
    }
}
