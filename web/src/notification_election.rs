//! Elects the tab that notifies the person. Among the tabs of a room exactly one notifies, or none
//! while one of them is attended. The tabs exchange messages as text.

use std::collections::VecDeque;

use xmeet_shared::RoomId;

use crate::encoding::encode;

/// The time for objections of other tabs, in milliseconds.
pub const OBJECTION_MS: i32 = 150;

/// The most remembered notifications of each kind.
const NOTIFICATIONS_MAX: usize = 16;

/// The key of a message's notification, the same in all tabs: the message's id or time.
pub type NotificationKey = i64;

/// The state of the election in one tab.
#[derive(Debug)]
pub struct NotificationElection {
    tab: String,
    room: String,
    /// The undecided notifications of this tab, and whether another tab has objected.
    proposals: VecDeque<(NotificationKey, bool)>,
    /// The proposals of other tabs: the key and the tab.
    others: VecDeque<(NotificationKey, String)>,
    /// The latest notifications that this tab has shown.
    shown: VecDeque<NotificationKey>,
}

impl NotificationElection {
    /// Returns the state of `tab` in `room`, without proposals.
    #[must_use]
    pub fn new(tab: String, room: &RoomId) -> Self {
        let room = encode(room.as_str());
        Self {
            tab,
            room,
            proposals: VecDeque::new(),
            others: VecDeque::new(),
            shown: VecDeque::new(),
        }
    }

    /// Proposes a notification of this tab. Returns the message for the other tabs.
    pub fn propose(&mut self, key: NotificationKey) -> String {
        let has_better = self.others.iter().any(|(other, tab)| *other == key && *tab < self.tab);
        push(&mut self.proposals, (key, has_better));
        format!("call {} {key} {}", self.room, self.tab)
    }

    /// Handles a message of another tab. Returns the answer to post, if any.
    pub fn on_message(&mut self, message: &str, is_attended: bool) -> Option<String> {
        let mut words = message.split(' ');
        let kind = words.next()?;
        if words.next()? != self.room {
            return None;
        }
        let key: NotificationKey = words.next()?.parse().ok()?;
        match kind {
            "call" => {
                let tab = words.next()?;
                if is_attended || self.shown.contains(&key) {
                    return Some(format!("no {} {key}", self.room));
                }
                if *tab < *self.tab {
                    self.object(key);
                }
                push(&mut self.others, (key, tab.to_owned()));
            }
            "no" => self.object(key),
            _ => {}
        }
        None
    }

    /// Ends the time for objections. Returns whether this tab notifies.
    pub fn decide(&mut self, key: NotificationKey) -> bool {
        let index = self.proposals.iter().position(|(proposed, _)| *proposed == key);
        let proposal = index.and_then(|index| self.proposals.remove(index));
        let is_elected = proposal.is_some_and(|(_, has_objection)| !has_objection);
        if is_elected {
            push(&mut self.shown, key);
        }
        is_elected
    }

    fn object(&mut self, key: NotificationKey) {
        let proposals = self.proposals.iter_mut().filter(|(proposed, _)| *proposed == key);
        proposals.for_each(|proposal| proposal.1 = true);
    }
}

/// Appends an item, and drops the oldest one beyond [`NOTIFICATIONS_MAX`].
fn push<T>(items: &mut VecDeque<T>, item: T) {
    if items.len() >= NOTIFICATIONS_MAX {
        items.pop_front();
    }
    items.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(names: &[&str]) -> Vec<NotificationElection> {
        let room = RoomId::new("tea time").unwrap();
        names.iter().map(|name| NotificationElection::new((*name).to_owned(), &room)).collect()
    }

    /// Lets the tabs `proposers` propose in this order, and delivers every message to all tabs. Returns
    /// the tabs that notify.
    fn elected(names: &[&str], proposers: &[usize], attended: Option<usize>) -> Vec<usize> {
        let mut tabs = tabs(names);
        for &proposer in proposers {
            let message = tabs[proposer].propose(7);
            for other in 0..tabs.len() {
                if other == proposer {
                    continue;
                }
                let answer = tabs[other].on_message(&message, attended == Some(other));
                if let Some(answer) = answer {
                    assert_eq!(tabs[proposer].on_message(&answer, false), None);
                }
            }
        }
        proposers.iter().copied().filter(|&tab| tabs[tab].decide(7)).collect()
    }

    #[test]
    fn three_tabs_in_any_order_elect_one() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            assert_eq!(elected(&["a", "b", "c"], &order, None), [0], "{order:?}");
        }
        assert_eq!(elected(&["b"], &[0], None), [0]);
    }

    #[test]
    fn attended_tab_prevents_every_notification() {
        assert_eq!(elected(&["a", "b", "c"], &[0, 2], Some(1)), Vec::<usize>::new());
    }

    #[test]
    fn messages_of_another_room_and_invalid_ones_are_no_objections() {
        let mut tab = tabs(&["m"]).remove(0);
        tab.propose(7);
        for message in
            ["", "call", "no other 7", "no tea%20time x", "no tea%20time 8", "x tea%20time 7"]
        {
            assert_eq!(tab.on_message(message, true), None, "{message}");
        }
        assert!(tab.decide(7));
        assert!(!tab.decide(7), "once");
    }

    #[test]
    fn tab_that_proposes_after_a_notification_does_not_notify() {
        let mut tabs = tabs(&["a", "b"]);
        tabs[1].propose(7);
        assert!(tabs[1].decide(7));
        let message = tabs[0].propose(7);
        let answer = tabs[1].on_message(&message, false).unwrap();
        tabs[0].on_message(&answer, false);
        assert!(!tabs[0].decide(7));
    }

    #[test]
    fn remembered_notifications_are_bounded() {
        let mut tab = tabs(&["m"]).remove(0);
        for key in 0..1_000 {
            tab.propose(key);
            tab.on_message(&format!("call tea%20time {key} z"), false);
        }
        assert_eq!((tab.proposals.len(), tab.others.len()), (NOTIFICATIONS_MAX, NOTIFICATIONS_MAX));
    }
}
