//! The client's requests: which frames can be sent now, and which answers they expect.

use std::sync::Arc;

use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, UnixMillis};

use super::outbox::LocalId;
use super::pending_requests::PendingRequest;
use super::{Changes, Notice, Room, Stage};

/// The most messages that are held and drawn.
pub(super) const HELD_MAX: usize = 400;

impl Room {
    /// Records that the connection closed.
    pub fn on_disconnected(&mut self) {
        self.stage = Stage::Disconnected;
        self.pager.reset();
        self.search_position = None;
        self.pending_requests.clear();
    }

    /// Records that another tab has taken over the member, so the member's pid is no longer an own
    /// one.
    pub fn on_takeover(&mut self) {
        if let Some(me) = self.me.take() {
            self.own_pids.retain(|pid| *pid != me);
        }
    }

    /// Records that the server closed the connection because the text in flight is too large. The
    /// text leaves the outbox and returns to the person.
    pub fn on_text_too_large(&mut self) -> Changes {
        let mut changes = Changes { rows: true, ..Changes::default() };
        changes.returned_text = self.outbox.take_refused();
        if changes.returned_text.is_some() {
            changes.outbox = true;
            let code = Some(ErrorCode::TooLarge);
            changes.notice = Some(Notice { code, words: String::new(), retry_after_ms: None });
        }
        changes
    }

    /// Adds a text that was typed at `at` to the outbox.
    pub fn queue_text(&mut self, text: &str, at: UnixMillis) -> LocalId {
        self.unread.on_reply();
        self.outbox.push(text.into(), at)
    }

    /// Returns the next text to send and marks it as sent. Returns `None` while no text can be
    /// sent.
    pub fn take_next(&mut self) -> Option<Arc<str>> {
        // Without an own member id, the text cannot be marked as sent.
        self.me.as_ref()?;
        let (local, text) = self.next_to_send()?;
        self.on_text_sent(local);
        Some(text)
    }

    /// Returns the next text to send, without marking it as sent. Returns `None` before the
    /// greeting is complete and while another text is in flight.
    #[must_use]
    pub fn next_to_send(&self) -> Option<(LocalId, Arc<str>)> {
        if self.stage != Stage::Live {
            return None;
        }
        self.outbox.next_to_send().map(|entry| (entry.local, entry.text.clone()))
    }

    /// Records that the text `local` was handed to the socket.
    pub fn on_text_sent(&mut self, local: LocalId) {
        if let Some(me) = self.me.clone() {
            self.outbox.mark_sent(local, me, self.log.head());
            self.pending_requests.push(PendingRequest::Text);
        }
    }

    /// Queues an unconfirmed text for sending again.
    pub fn send_again(&mut self, local: LocalId) {
        self.outbox.send_again(local);
    }

    /// Removes a text from the outbox and returns it. Returns `None` if the text is in flight or no
    /// longer in the outbox.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        self.outbox.take_back(local)
    }

    /// Records that a request for the nickname `name` was sent.
    pub fn on_rename_sent(&mut self, name: Nickname) {
        self.pending_requests.push(PendingRequest::Rename(name));
    }

    /// Records that a probe was sent: a request for an empty page, which tests the connection.
    pub fn on_probe_sent(&mut self) {
        self.pager.on_probe_sent();
        self.pending_requests.push(PendingRequest::Page);
    }

    /// Returns the page to request for messages older than the oldest held one. Returns `None` if
    /// no older messages exist, if another page is wanted, or if the page failed and `is_retry` is
    /// false.
    pub fn load_older(&mut self, is_retry: bool) -> Option<Cursor> {
        let older = self.log.oldest()?.checked_sub(1)?;
        self.load(older, is_retry)
    }

    /// Returns the page to request for message `target`, or for the oldest message of its gap that
    /// the server has. Returns `None` in the same cases as [`load_older`](Self::load_older).
    pub fn load(&mut self, target: MessageId, is_retry: bool) -> Option<Cursor> {
        let target = self.target_to_request(target)?;
        if !is_retry && self.pager.failed_target() == Some(target) {
            return None;
        }
        let cursor = self.pager.request(target, &self.log);
        self.expect_page(cursor)
    }

    /// Returns the page to request for message `target`, which replaces any wanted page.
    pub fn load_now(&mut self, target: MessageId) -> Option<Cursor> {
        let target = self.target_to_request(target)?;
        let cursor = self.pager.request_now(target, &self.log);
        self.expect_page(Some(cursor))
    }

    /// Returns the message to request: `target` or, if the server has dropped `target`, the oldest
    /// message of the gap that the server still has. Returns `None` if that message is held, if the
    /// server has no message of the gap, or if there is no connection.
    fn target_to_request(&self, target: MessageId) -> Option<MessageId> {
        let target = self.log.first_kept(target);
        let exists = target <= self.log.head() && self.log.is_kept(target);
        let is_missing = exists && self.log.get(target).is_none();
        (self.stage == Stage::Live && is_missing).then_some(target)
    }

    /// Returns the page to request for the newest message. Returns `None` if that message is held
    /// or its page is already wanted.
    pub fn load_newest(&mut self) -> Option<Cursor> {
        if self.stage != Stage::Live || self.log.tail().is_none() {
            return None;
        }
        let cursor = self.pager.request_newest(&self.log);
        self.expect_page(cursor)
    }

    /// Records that the page `cursor` is requested, so that an answer is expected. Returns
    /// `cursor`.
    pub(super) fn expect_page(&mut self, cursor: Option<Cursor>) -> Option<Cursor> {
        if cursor.is_some() {
            self.pending_requests.push(PendingRequest::Page);
        }
        cursor
    }

    /// If too many messages are held, drops the messages farthest from message `reader`. If
    /// `reader` is `None`, the reader is at the newest message.
    pub fn trim(&mut self, reader: Option<MessageId>) {
        self.log.trim(reader, self.held_max);
    }

    /// Sets whether joins and leaves are hidden.
    pub fn set_lines_hidden(&mut self, are_hidden: bool) {
        self.lines_hidden = are_hidden;
    }

    /// Returns whether a missing message may still arrive: before the first greeting, and while a
    /// page is wanted.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        !self.was_greeted || self.pager.target().is_some()
    }

    /// Returns the number of the latest page request. A timer keeps it to tell whether the request
    /// is still the latest one.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.pager.request_number()
    }

    /// Returns the page to request once the rate-limit wait of request `request_number` is over.
    /// Returns `None` if that request is no longer the latest one.
    pub fn retry_page(&mut self, request_number: u64) -> Option<Cursor> {
        let cursor = self.pager.retry(request_number, &self.log);
        self.expect_page(cursor)
    }

    /// Gives up the page request `request_number`. Returns false, without effect, if that request
    /// is no longer the latest one or was answered.
    pub fn on_page_timeout(&mut self, request_number: u64) -> bool {
        let was_given_up = self.pager.on_timeout(request_number);
        if was_given_up {
            self.give_up_search();
        }
        was_given_up
    }
}
