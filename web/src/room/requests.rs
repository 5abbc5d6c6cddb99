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
    pub fn disconnected(&mut self) {
        self.stage = Stage::Disconnected;
        self.pager.reset();
        self.searched_to = None;
        self.pending_requests.clear();
    }

    /// Records that another tab has taken the member over, so its pid is no own one any more.
    pub fn taken_over(&mut self) {
        let me = self.me.take();
        self.own_pids.retain(|pid| Some(pid) != me.as_ref());
    }

    /// Records that the server closed the connection because the text in flight is too large.
    pub fn text_too_large(&mut self) -> Changes {
        let returned_text = self.outbox.take_refused(false);
        let code = Some(ErrorCode::TooLarge);
        let notice = Notice { code, words: String::new(), retry_after_ms: None };
        let notice = returned_text.is_some().then_some(notice);
        Changes {
            outbox: returned_text.is_some(),
            rows: true,
            returned_text,
            notice,
            ..Changes::default()
        }
    }

    /// Adds a text to the outbox.
    pub fn queue_text(&mut self, text: &str, at: UnixMillis) -> LocalId {
        self.unread.reader_replied();
        self.outbox.push(text.into(), at)
    }

    /// Returns the next text to send and marks it as sent. Returns `None` while none can be sent.
    pub fn take_next(&mut self) -> Option<Arc<str>> {
        let (local, text) = self.next_to_send().filter(|_| self.me.is_some())?;
        self.sent(local);
        Some(text)
    }

    /// Returns the next text to send, without marking it as sent.
    #[must_use]
    pub fn next_to_send(&self) -> Option<(LocalId, Arc<str>)> {
        if self.stage != Stage::Live {
            return None;
        }
        self.outbox.next().map(|entry| (entry.local, entry.text.clone()))
    }

    /// Records that `local` was handed to the socket.
    pub fn sent(&mut self, local: LocalId) {
        if let Some(me) = self.me.clone() {
            self.outbox.mark_sent(local, me, self.log.head());
            self.pending_requests.push(PendingRequest::Text);
        }
    }

    /// Lets an unconfirmed text wait for sending again.
    pub fn send_again(&mut self, local: LocalId) {
        self.outbox.send_again(local);
    }

    /// Removes a text from the outbox and returns it. Returns `None` if the text is in flight or no
    /// longer in the outbox.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        self.outbox.take_back(local)
    }

    /// Records that a rename was sent.
    pub fn rename_sent(&mut self, name: Nickname) {
        self.pending_requests.push(PendingRequest::Rename(name));
    }

    /// Records that a probe was sent.
    pub fn probe_sent(&mut self) {
        self.pager.probe_sent();
        self.pending_requests.push(PendingRequest::Page);
    }

    /// Returns the page to request for messages older than the oldest held one. Returns `None` if
    /// there are none, if another page is wanted, or if the page failed and `is_retry` is false.
    pub fn load_older(&mut self, is_retry: bool) -> Option<Cursor> {
        let older = self.log.oldest()?.checked_sub(1)?;
        self.load(older, is_retry)
    }

    /// Returns the page to request for message `target`, or for the oldest message of its gap that the
    /// server has. Returns `None` in the same cases as [`load_older`](Self::load_older).
    pub fn load(&mut self, target: MessageId, is_retry: bool) -> Option<Cursor> {
        let target = self.missing(target)?;
        let may_try = is_retry || self.pager.failed() != Some(target);
        let cursor = may_try.then(|| self.pager.request(target, &self.log)).flatten();
        self.expect_page(cursor)
    }

    /// Returns the page to request for message `target`, which replaces any wanted page.
    pub fn load_first(&mut self, target: MessageId) -> Option<Cursor> {
        let target = self.missing(target)?;
        let cursor = self.pager.request_first(target, &self.log);
        self.expect_page(Some(cursor))
    }

    /// Returns the message to request for `target`. Returns `None` if it is held, or if the server
    /// does not have it.
    fn missing(&self, target: MessageId) -> Option<MessageId> {
        let target = self.log.first_kept(target);
        let exists = target <= self.log.head() && self.log.is_kept(target);
        let is_wanted = exists && self.log.get(target).is_none();
        (self.stage == Stage::Live && is_wanted).then_some(target)
    }

    /// Returns the page to request for the newest message. Returns `None` if it is held.
    pub fn load_newest(&mut self) -> Option<Cursor> {
        let is_wanted = self.stage == Stage::Live && self.log.tail().is_some();
        let cursor = is_wanted.then(|| self.pager.request_newest(&self.log)).flatten();
        self.expect_page(cursor)
    }

    /// Records that a page request is sent and expects an answer.
    pub(super) fn expect_page(&mut self, cursor: Option<Cursor>) -> Option<Cursor> {
        if cursor.is_some() {
            self.pending_requests.push(PendingRequest::Page);
        }
        cursor
    }

    /// Drops messages beyond the limit, farthest from message `reader` or, if `None`, from the newest.
    pub fn trim(&mut self, reader: Option<MessageId>) {
        self.log.trim(reader, self.held_max);
    }

    /// Sets whether the rows leave joins and leaves out.
    pub fn hide_lines(&mut self, are_hidden: bool) {
        self.lines_hidden = are_hidden;
    }

    /// Returns whether a missing message may still arrive: before the first greeting, and while a page
    /// is wanted.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        !self.was_greeted || self.pager.target().is_some()
    }

    /// Returns the number of the latest page request, for a timer.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.pager.request_number()
    }

    /// Returns the page to request after the wait of request `request_number`. Returns `None` if the
    /// request is out of date.
    pub fn retry_page(&mut self, request_number: u64) -> Option<Cursor> {
        let cursor = self.pager.retry(request_number, &self.log);
        self.expect_page(cursor)
    }

    /// Gives up request `request_number`. Returns false if the request is out of date.
    pub fn page_timed_out(&mut self, request_number: u64) -> bool {
        let is_late = self.pager.time_out(request_number);
        if is_late {
            self.give_up_search();
        }
        is_late
    }
}
