//! Announcements for screen readers: each new message of other members, and a summary of joins and
//! leaves once there were none for some seconds.

use std::sync::Arc;

use super::log::{Line, Message};
use super::presence::PresenceGroup;

/// The most announcements that are on the page. A screen reader has already read older ones.
const RECENT_MAX: usize = 20;

/// The seconds without a join or leave after which the summary is announced.
const QUIET_S: u32 = 5;

/// The seconds after the first join or leave at which the summary is announced at the latest.
const SUMMARY_S_MAX: u32 = 30;

/// The most joins and leaves in one summary.
const SUMMARY_LINES_MAX: usize = 400;

/// A text for screen readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// A message of another member.
    Message(Arc<Message>),
    /// A rename, or a summary of joins and leaves.
    Lines(PresenceGroup),
}

/// The recent announcements, and the joins and leaves of the next summary.
#[derive(Debug, Default)]
pub struct Announcements {
    recent: Vec<(u64, Announcement)>,
    last_number: u64,
    pending: PresenceGroup,
    /// The seconds since the last join or leave of the next summary.
    since_last_s: u32,
    /// The seconds since the first join or leave of the next summary.
    since_first_s: u32,
}

impl Announcements {
    /// Returns the latest announcements with their numbers, oldest first.
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
    pub fn announce_message(&mut self, message: Arc<Message>) {
        self.push(Announcement::Message(message));
    }

    /// Announces a rename. Adds a join or a leave to the next summary.
    pub fn announce_line(&mut self, line: Arc<Line>) {
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

    /// Records that a second has passed. Returns whether a summary was announced.
    pub fn on_second(&mut self) -> bool {
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

    #[test]
    fn joins_and_a_quiet_time_give_one_summary() {
        let mut announcements = Announcements::default();
        for n in 0..29 {
            announcements.announce_line(line(&format!("guest{n}"), LineKind::Join));
            announcements.on_second();
        }
        assert!(announcements.recent().is_empty());
        while !announcements.on_second() {}
        let [(_, Announcement::Lines(group))] = announcements.recent() else {
            panic!("not one summary: {:?}", announcements.recent());
        };
        let summary = &group.summaries()[0];
        assert_eq!((summary.names.len(), summary.more_count), (3, 26));
        assert!(!announcements.on_second(), "no join is left for another summary");
    }

    #[test]
    fn joins_without_a_quiet_time_give_a_summary_every_thirty_seconds() {
        let mut announcements = Announcements::default();
        let mut summary_count = 0;
        for second in 0..300 {
            announcements.announce_line(line(&format!("guest{second}"), LineKind::Join));
            summary_count += u32::from(announcements.on_second());
        }
        assert_eq!(summary_count, 10);
    }

    #[test]
    fn messages_and_renames_are_announced_at_once_and_twenty_are_held() {
        let mut announcements = Announcements::default();
        announcements.announce_line(line("A", LineKind::Rename("B".into())));
        assert_eq!(announcements.recent().len(), 1);
        for n in 0..100 {
            announcements.announce_message(message(&format!("t{n}")));
        }
        // The rename has number 1, and the last message number 101.
        let numbers: Vec<u64> = announcements.recent().iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (82..=101).collect::<Vec<_>>());
    }
}
