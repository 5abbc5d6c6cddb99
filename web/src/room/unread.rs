//! Tracks the unread messages of a room. Ids have no gaps, so unread messages are counted without
//! being loaded: all ids after the read mark, except own messages. Messages without an id are
//! counted as they arrive.

use xmeet_shared::MessageId;

/// The first message below the unread marker, by its id or its arrival number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FirstUnread {
    /// A message with this id.
    Id(MessageId),
    /// A message without an id, by its arrival number in the log.
    Arrival(u64),
}

/// The read mark, the unread count and the unread marker.
#[derive(Debug)]
pub struct Unread {
    /// The read mark: the newest read message; `None` in a room that was never visited.
    read_up_to: Option<MessageId>,
    /// The newest message of the room.
    newest: MessageId,
    /// The own messages after `read_up_to`.
    own: Vec<MessageId>,
    /// The number of unread messages without an id of other members.
    unstored_count: u64,
    /// The first unread message without an id: the id before that message, and its arrival number.
    first_unstored: Option<(MessageId, u64)>,
    /// The first message below the unread marker.
    marker: Option<FirstUnread>,
    /// Whether a greeting is complete. Before, no message is marked as read.
    is_greeted: bool,
    /// Whether the page is visible and has the keyboard focus.
    is_attended: bool,
    /// Whether the list is at the bottom, where the newest message is in view.
    is_at_bottom: bool,
    /// Whether the page was just opened and the list still scrolls to the first unread message. No
    /// message is marked as read meanwhile.
    is_opening: bool,
}

impl Unread {
    /// Returns the state of a page that was just opened, with the read mark of an earlier visit.
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

    /// Returns the read mark.
    #[must_use]
    pub fn read_up_to(&self) -> Option<MessageId> {
        self.read_up_to
    }

    /// Returns the first message below the unread marker, if there is a marker.
    #[must_use]
    pub fn marker(&self) -> Option<FirstUnread> {
        self.marker
    }

    /// Returns whether the page is attended: visible, with the keyboard focus.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.is_attended
    }

    /// Returns whether the page was just opened and the list still scrolls to the first unread
    /// message.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.is_opening
    }

    /// Returns the number of unread messages of other members.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.stored_count() + self.unstored_count
    }

    /// Returns the number of unread messages of other members that have an id.
    fn stored_count(&self) -> u64 {
        let read_up_to = self.read_up_to.unwrap_or(self.newest);
        let count_after_mark = self.newest.saturating_sub(read_up_to);
        count_after_mark.saturating_sub(self.own.len() as u64)
    }

    /// Records a message with an id, live or from the history.
    pub fn on_message(&mut self, id: MessageId, is_own: bool) {
        self.newest = self.newest.max(id);
        let is_after_mark = self.read_up_to.is_some_and(|read_up_to| id > read_up_to);
        if is_after_mark && is_own && !self.own.contains(&id) {
            self.own.push(id);
        }
        self.mark_read_if_seen();
        self.place_marker();
    }

    /// Records a message without an id: the id of the message before it, and its arrival number.
    pub fn on_unstored_message(&mut self, after: MessageId, arrival: u64, is_own: bool) {
        if !is_own {
            self.unstored_count += 1;
            self.first_unstored.get_or_insert((after, arrival));
        }
        self.mark_read_if_seen();
        self.place_marker();
    }

    /// Records that a greeting is complete. `newest` is the newest message of the room.
    pub fn on_greeting(&mut self, newest: MessageId) {
        let is_first_visit = self.read_up_to.is_none();
        // The server cannot have fewer messages than were read, unless its store was wiped.
        let was_store_wiped = self.read_up_to.is_some_and(|read_up_to| read_up_to > newest);
        if is_first_visit || was_store_wiped {
            // All messages count as read.
            self.reset();
            self.read_up_to = Some(newest);
        }
        self.newest = newest;
        self.is_greeted = true;
        self.is_opening &= self.count() > 0;
        self.mark_read_if_seen();
        self.place_marker();
    }

    /// Sets whether the page is visible and has the keyboard focus.
    pub fn set_attended(&mut self, is_attended: bool) {
        self.is_attended = is_attended;
        self.mark_read_if_seen();
    }

    /// Records whether the list is at the bottom, and whether it still scrolls to a goal.
    pub fn on_scroll(&mut self, is_at_bottom: bool, is_aiming: bool) {
        self.is_at_bottom = is_at_bottom;
        self.is_opening &= is_aiming;
        self.mark_read_if_seen();
    }

    /// Records that the reader sent a text, and removes the unread marker.
    pub fn on_reply(&mut self) {
        self.marker = None;
        self.is_opening = false;
        self.mark_read_if_seen();
    }

    /// Records that the list does not scroll to the first unread message, because it cannot be
    /// loaded or does not exist.
    pub fn end_opening(&mut self) {
        self.is_opening = false;
        self.mark_read_if_seen();
    }

    /// Forgets all messages and the read mark. The caller has found that the server numbers its
    /// messages anew.
    pub fn reset(&mut self) {
        self.read_up_to = None;
        self.newest = 0;
        self.own.clear();
        self.unstored_count = 0;
        self.first_unstored = None;
        self.marker = None;
        self.is_greeted = false;
    }

    /// Marks all messages as read if the list is attended and at the bottom.
    fn mark_read_if_seen(&mut self) {
        let is_seen = self.is_attended && self.is_at_bottom && self.is_greeted;
        if is_seen && !self.is_opening {
            self.read_up_to = Some(self.newest);
            self.own.clear();
            self.unstored_count = 0;
            self.first_unstored = None;
        }
    }

    /// Places the marker above the first unread message of another member. A reader who is looking
    /// at the list gets no new marker.
    fn place_marker(&mut self) {
        let is_reader_looking = self.is_attended && !self.is_opening;
        if self.count() == 0 || is_reader_looking {
            return;
        }
        let mut first_id = self.read_up_to.unwrap_or(0) + 1;
        while self.own.contains(&first_id) {
            first_id += 1;
        }
        let has_stored = self.stored_count() > 0;
        self.marker = Some(FirstUnread::Id(first_id));
        if let Some((id_before, arrival)) = self.first_unstored
            && (!has_stored || id_before < first_id)
        {
            self.marker = Some(FirstUnread::Arrival(arrival));
        }
    }
}

#[cfg(test)]
#[path = "unread_tests.rs"]
mod tests;
