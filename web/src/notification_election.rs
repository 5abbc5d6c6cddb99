//! Which tab calls the person. Of several tabs of one room one calls, and none while one of them is
//! being read. Pure: what other tabs say comes in as messages.

use std::collections::VecDeque;

use xmeet_shared::RoomId;

use crate::encoding::encode;

/// How long other tabs have to object, in milliseconds.
pub const OBJECTION_MS: i32 = 150;

/// The most calls that are undecided at a time.
const NOTIFICATIONS_MAX: usize = 16;

/// Names a message for all tabs of its room: its id or its time.
pub type NotificationKey = i64;

/// The calls of this tab that other tabs may object to.
#[derive(Debug)]
pub struct NotificationElection {
    tab: String,
    room: String,
    /// Each with whether another tab has objected.
    proposals: VecDeque<(NotificationKey, bool)>,
    /// Calls that another tab wants to make.
    others: VecDeque<(NotificationKey, String)>,
    /// What this tab has called about lately.
    decided: VecDeque<NotificationKey>,
}

impl NotificationElection {
    /// Returns the election of `tab` in `room`.
    #[must_use]
    pub fn new(tab: String, room: &RoomId) -> Self {
        let room = encode(room.as_str());
        Self {
            tab,
            room,
            proposals: VecDeque::new(),
            others: VecDeque::new(),
            decided: VecDeque::new(),
        }
    }

    /// This tab wants to call about `key`. Returns what to tell the others.
    pub fn propose(&mut self, key: NotificationKey) -> String {
        let has_better = self.others.iter().any(|(other, tab)| *other == key && *tab < self.tab);
        push(&mut self.proposals, (key, has_better));
        format!("call {} {key} {}", self.room, self.tab)
    }

    /// Takes in what another tab said. Returns the answer, if there is one.
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
                if is_attended || self.decided.contains(&key) {
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

    /// The time for objections is over. Returns whether this tab calls.
    pub fn decide(&mut self, key: NotificationKey) -> bool {
        let place = self.proposals.iter().position(|(call, _)| *call == key);
        let call = place.and_then(|place| self.proposals.remove(place));
        let calls = call.is_some_and(|(_, is_objected)| !is_objected);
        if calls {
            push(&mut self.decided, key);
        }
        calls
    }

    fn object(&mut self, key: NotificationKey) {
        self.proposals.iter_mut().filter(|(call, _)| *call == key).for_each(|call| call.1 = true);
    }
}

fn push<T>(calls: &mut VecDeque<T>, call: T) {
    if calls.len() >= NOTIFICATIONS_MAX {
        calls.pop_front();
    }
    calls.push_back(call);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(names: &[&str]) -> Vec<NotificationElection> {
        let room = RoomId::new("tea time").unwrap();
        names.iter().map(|name| NotificationElection::new((*name).to_owned(), &room)).collect()
    }

    /// Each tab that `wants` to call proposes in the given order; everybody hears everything.
    fn callers(names: &[&str], wants: &[usize], attended: Option<usize>) -> Vec<usize> {
        let mut tabs = tabs(names);
        for &caller in wants {
            let message = tabs[caller].propose(7);
            for other in 0..tabs.len() {
                if other == caller {
                    continue;
                }
                let answer = tabs[other].on_message(&message, attended == Some(other));
                if let Some(answer) = answer {
                    assert_eq!(tabs[caller].on_message(&answer, false), None);
                }
            }
        }
        wants.iter().copied().filter(|&tab| tabs[tab].decide(7)).collect()
    }

    #[test]
    fn of_three_tabs_one_calls_in_whatever_order_they_ask() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            assert_eq!(callers(&["a", "b", "c"], &order, None), [0], "{order:?}");
        }
        assert_eq!(callers(&["b"], &[0], None), [0]);
    }

    #[test]
    fn no_tab_calls_while_one_is_read() {
        assert_eq!(callers(&["a", "b", "c"], &[0, 2], Some(1)), Vec::<usize>::new());
    }

    #[test]
    fn a_tab_of_another_room_and_nonsense_object_to_nothing() {
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
    fn a_tab_that_asks_after_another_has_called_stays_silent() {
        let mut tabs = tabs(&["a", "b"]);
        tabs[1].propose(7);
        assert!(tabs[1].decide(7));
        let message = tabs[0].propose(7);
        let answer = tabs[1].on_message(&message, false).unwrap();
        tabs[0].on_message(&answer, false);
        assert!(!tabs[0].decide(7));
    }

    #[test]
    fn what_is_undecided_is_bounded() {
        let mut tab = tabs(&["m"]).remove(0);
        for key in 0..1_000 {
            tab.propose(key);
            tab.on_message(&format!("call tea%20time {key} z"), false);
        }
        assert_eq!((tab.proposals.len(), tab.others.len()), (NOTIFICATIONS_MAX, NOTIFICATIONS_MAX));
    }
}
