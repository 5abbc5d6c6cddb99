//! Decides what is read aloud to those who do not see the page: each live message of others, and
//! once the room is quiet again one summary of who came and went.

use std::sync::Arc;

use super::log::{Line, Message};
use super::presence::PresenceGroup;

/// The most announcements that stand on the page: a screen reader has read what is older.
const RECENT_MAX: usize = 20;

/// Joins and leaves are summed up once there was none for so many seconds.
const QUIET_S: u32 = 5;

/// They are summed up after so many seconds at the latest.
const SUMMARY_S_MAX: u32 = 30;

/// The most joins and leaves in one summary.
const SUMMARY_LINES_MAX: usize = 400;

/// Something to read aloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// Somebody else said this.
    Message(Arc<Message>),
    /// Somebody took another name, or several came and went.
    Lines(PresenceGroup),
}

/// What was announced lately, and what is to be.
#[derive(Debug, Default)]
pub struct Announcements {
    recent: Vec<(u64, Announcement)>,
    last_number: u64,
    pending: PresenceGroup,
    /// How many seconds ago the last pending line came, and the first.
    since_last_s: u32,
    since_first_s: u32,
}

impl Announcements {
    /// The latest announcements, oldest first, each under a number of its own.
    #[must_use]
    pub fn recent(&self) -> &[(u64, Announcement)] {
        &self.recent
    }

    /// Returns the number of the latest announcement; 0 before the first.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Announces a message.
    pub fn message(&mut self, message: Arc<Message>) {
        self.push(Announcement::Message(message));
    }

    /// Takes in a line. A rename is announced, a join or a leave waits for the summary.
    pub fn line(&mut self, line: Arc<Line>) {
        if !line.is_join_or_leave() {
            return self.push(Announcement::Lines(PresenceGroup::new(line)));
        }
        self.since_last_s = 0;
        if self.pending.lines().is_empty() {
            self.since_first_s = 0;
        }
        if self.pending.lines().len() < SUMMARY_LINES_MAX {
            let _ = self.pending.try_push(line);
        }
    }

    /// A second has passed. Says whether that announced something.
    pub fn second_passed(&mut self) -> bool {
        if self.pending.lines().is_empty() {
            return false;
        }
        self.since_last_s += 1;
        self.since_first_s += 1;
        let is_due = self.since_last_s >= QUIET_S || self.since_first_s >= SUMMARY_S_MAX;
        if is_due {
            let summary = std::mem::take(&mut self.pending);
            self.push(Announcement::Lines(summary));
        }
        is_due
    }

    fn push(&mut self, announcement: Announcement) {
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.last_number += 1;
        self.recent.push((self.last_number, announcement));
    }
}

#[cfg(test)]
mod tests {
    use xmeet_shared::Pid;

    use super::super::log::LineKind;
    use super::*;

    fn line(name: &str, kind: LineKind) -> Arc<Line> {
        let pid = Pid::from_wire(name);
        Arc::new(Line { number: 1, group: 1, pid, name: name.into(), kind, at: 0 })
    }

    fn message(text: &str) -> Arc<Message> {
        let (from, name) = (Pid::from_wire("b"), "B".into());
        Arc::new(Message { id: None, from, name, text: text.into(), at: 0, local: None })
    }

    /// The seconds until something is announced.
    fn seconds_until_announced(announcements: &mut Announcements) -> u32 {
        (1..).find(|_| announcements.second_passed()).unwrap()
    }

    #[test]
    fn joins_and_leaves_are_one_announcement_after_quiet() {
        let mut announcements = Announcements::default();
        for n in 0..29 {
            announcements.line(line(&format!("guest{n}"), LineKind::Join));
            announcements.second_passed();
        }
        assert!(announcements.recent().is_empty());
        seconds_until_announced(&mut announcements);
        let [(_, Announcement::Lines(group))] = announcements.recent() else {
            panic!("{:?}", announcements.recent());
        };
        assert_eq!((group.summaries()[0].names.len(), group.summaries()[0].more_count), (3, 26));
        assert!(!announcements.second_passed(), "nothing is left to say");
    }

    #[test]
    fn a_room_that_is_never_quiet_is_summed_up_now_and_then() {
        let mut announcements = Announcements::default();
        let summaries = (0..300).filter(|n| {
            announcements.line(line(&format!("guest{n}"), LineKind::Join));
            announcements.second_passed()
        });
        assert_eq!(summaries.count(), 10);
    }

    #[test]
    fn messages_and_renames_are_announced_at_once_and_a_bounded_number_stays() {
        let mut announcements = Announcements::default();
        announcements.line(line("A", LineKind::Rename("B".into())));
        assert_eq!(announcements.recent().len(), 1);
        for n in 0..100 {
            announcements.message(message(&format!("t{n}")));
        }
        let recent = announcements.recent();
        assert_eq!((recent.len(), recent[0].0, recent[19].0), (20, 82, 101));
    }
}
