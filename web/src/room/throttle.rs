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
        let is_too_soon = self.notified_at.is_some_and(|notified_at| now - notified_at < PAUSE_MS);
        let is_allowed = is_mention || !is_too_soon;
        if is_allowed {
            self.notified_at = Some(now);
        }
        is_allowed
    }
}

/// Returns the beginning of a text for a notification, followed by an ellipsis if the text is
/// longer.
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
        assert!(throttle.allows(0, false));
        assert!(!throttle.allows(1, false));
        assert!(!throttle.allows(PAUSE_MS - 1, false));
        assert!(throttle.allows(PAUSE_MS, false));
        assert!(throttle.allows(PAUSE_MS + 1, true), "a mention always notifies");
        assert!(!throttle.allows(2 * PAUSE_MS, false), "the mention has started a new pause");
    }

    #[test]
    fn excerpt_of_a_long_text_ends_after_120_characters() {
        assert_eq!(excerpt(&"汉".repeat(120)), "汉".repeat(120));
        assert_eq!(excerpt(&"汉".repeat(121)), format!("{}…", "汉".repeat(120)));
        assert_eq!(excerpt(""), "");
    }
}
