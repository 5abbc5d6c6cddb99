//! Tracks what its reader has seen of a room. Ids have no gaps, so what is unread is counted
//! without having it: everything after the last message that was read, less our own. Messages
//! without an id are counted as they arrive.

use xmeet_shared::MessageId;

/// The first message below the unread line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FirstUnread {
    /// A message with this id.
    Id(MessageId),
    /// A message without an id, by the number of its arrival.
    Arrival(u64),
}

/// What was read, and the line above what was not.
#[derive(Debug)]
pub struct Unread {
    /// The newest message that was read; `None` in a room that was never visited.
    read_up_to: Option<MessageId>,
    /// The newest message there is.
    newest: MessageId,
    /// Our own messages after `read_up_to`.
    own: Vec<MessageId>,
    /// How many messages of others without an id were not read.
    unstored_count: u64,
    /// The first of these: the id that it follows, and the number of its arrival.
    first_unstored: Option<(MessageId, u64)>,
    /// The first message below the unread line.
    marker: Option<FirstUnread>,
    /// Whether a greeting was complete: before that nothing is seen.
    is_greeted: bool,
    /// Whether somebody is looking at the page.
    is_attended: bool,
    is_at_bottom: bool,
    /// The page was just opened and the reader was not shown the place yet where to go on.
    is_opening: bool,
}

impl Unread {
    /// For a page that was just opened, with what was read on an earlier visit.
    #[must_use]
    pub fn new(read_up_to: Option<MessageId>) -> Self {
        Self {
            read_up_to,
            newest: 0,
            own: Vec::new(),
            unstored_count: 0,
            first_unstored: None,
            marker: None,
            is_greeted: false,
            is_attended: true,
            is_at_bottom: false,
            is_opening: true,
        }
    }

    /// The newest message that was read.
    #[must_use]
    pub fn read_up_to(&self) -> Option<MessageId> {
        self.read_up_to
    }

    /// The first message below the unread line, if there is a line.
    #[must_use]
    pub fn marker(&self) -> Option<FirstUnread> {
        self.marker
    }

    /// Whether somebody is looking at the page.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.is_attended
    }

    /// Whether the reader is still to be shown where to go on reading.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.is_opening
    }

    /// How many messages of others were not read.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.kept_count() + self.unstored_count
    }

    /// How many messages of others that have an id were not read.
    fn kept_count(&self) -> u64 {
        let after = self.newest.saturating_sub(self.read_up_to.unwrap_or(self.newest));
        after.saturating_sub(self.own.len() as u64)
    }

    /// A message is known, live or from the history.
    pub fn on_message(&mut self, id: MessageId, is_own: bool) {
        self.newest = self.newest.max(id);
        let is_new = self.read_up_to.is_some_and(|read| id > read);
        if is_new && is_own && !self.own.contains(&id) {
            self.own.push(id);
        }
        self.mark_seen();
        self.place_marker();
    }

    /// A message without an id arrived, after message `after` and as number `arrival`.
    pub fn on_unstored_message(&mut self, after: MessageId, arrival: u64, is_own: bool) {
        if !is_own {
            self.unstored_count += 1;
            self.first_unstored.get_or_insert((after, arrival));
        }
        self.mark_seen();
        self.place_marker();
    }

    /// A greeting is complete, and `newest` is the newest message of the room.
    pub fn greeted(&mut self, newest: MessageId) {
        if self.read_up_to.is_none_or(|read| read > newest) {
            // What was said before the first visit is history, and so is what was said before
            // this one where the ids began anew.
            self.reset();
            self.read_up_to = Some(newest);
        }
        self.newest = newest;
        self.is_greeted = true;
        self.is_opening &= self.count() > 0;
        self.mark_seen();
        self.place_marker();
    }

    /// Whether somebody is looking at the page: it is in sight, and its window has the focus.
    pub fn set_attended(&mut self, is_attended: bool) {
        self.is_attended = is_attended;
        self.mark_seen();
    }

    /// Where the list is: at the bottom, or on its way to the place to go on from.
    pub fn scroll_changed(&mut self, is_at_bottom: bool, is_aiming: bool) {
        self.is_at_bottom = is_at_bottom;
        self.is_opening &= is_aiming;
        self.mark_seen();
    }

    /// The reader said something: whoever answers has read.
    pub fn reader_replied(&mut self) {
        self.marker = None;
        self.is_opening = false;
        self.mark_seen();
    }

    /// The place to go on from is not to be had.
    pub fn end_opening(&mut self) {
        self.is_opening = false;
        self.mark_seen();
    }

    /// The room's ids begin again.
    pub fn reset(&mut self) {
        self.read_up_to = None;
        self.newest = 0;
        self.own.clear();
        self.unstored_count = 0;
        self.first_unstored = None;
        self.marker = None;
        self.is_greeted = false;
    }

    /// What is seen is read.
    fn mark_seen(&mut self) {
        let is_seen = self.is_attended && self.is_at_bottom && self.is_greeted;
        if is_seen && !self.is_opening {
            self.read_up_to = Some(self.newest);
            self.own.clear();
            self.unstored_count = 0;
            self.first_unstored = None;
        }
    }

    /// The line stands above the first message of somebody else that came while nobody looked.
    fn place_marker(&mut self) {
        if self.count() == 0 || self.is_attended && !self.is_opening {
            return;
        }
        let mut first = self.read_up_to.unwrap_or(0) + 1;
        while self.own.contains(&first) {
            first += 1;
        }
        let has_kept = self.kept_count() > 0;
        self.marker = Some(match self.first_unstored {
            Some((after, arrival)) if !has_kept || after < first => FirstUnread::Arrival(arrival),
            _ => FirstUnread::Id(first),
        });
    }
}

#[cfg(test)]
#[path = "unread_tests.rs"]
mod tests;
