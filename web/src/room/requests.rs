//! What this client wants of the server: what may be sent now, and what is noted when it was.

use std::sync::Arc;

use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, UnixMillis};

use super::outbox::LocalId;
use super::pending_requests::PendingRequest;
use super::{Changes, Notice, Room, Stage};

/// The most messages that are held, and so the most rows of them on the page.
pub(super) const HELD_MAX: usize = 400;

impl Room {
    /// The connection went.
    pub fn disconnected(&mut self) {
        self.stage = Stage::Disconnected;
        self.pager.reset();
        self.searched_to = None;
        self.pending_requests.clear();
    }

    /// Another tab goes by our last id from now on.
    pub fn taken_over(&mut self) {
        let me = self.me.take();
        self.own_pids.retain(|pid| Some(pid) != me.as_ref());
    }

    /// The server closed the connection over the size of what was under way.
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

    /// Puts a text into the outbox.
    pub fn say(&mut self, text: &str, at: UnixMillis) -> LocalId {
        self.unread.reader_replied();
        self.outbox.push(text.into(), at)
    }

    /// Returns the text that may be sent now, and marks it as sent.
    pub fn take_next(&mut self) -> Option<Arc<str>> {
        let (local, text) = self.next_to_send().filter(|_| self.me.is_some())?;
        self.sent(local);
        Some(text)
    }

    /// The text that may be sent now.
    #[must_use]
    pub fn next_to_send(&self) -> Option<(LocalId, Arc<str>)> {
        if self.stage != Stage::Live {
            return None;
        }
        self.outbox.next().map(|entry| (entry.local, entry.text.clone()))
    }

    /// `local` was handed to the socket.
    pub fn sent(&mut self, local: LocalId) {
        if let Some(me) = self.me.clone() {
            self.outbox.mark_sent(local, me, self.log.head());
            self.pending_requests.push(PendingRequest::Text);
        }
    }

    /// A person wants a text that is in doubt sent again.
    pub fn send_again(&mut self, local: LocalId) {
        self.outbox.send_again(local);
    }

    /// A person wants a text back.
    ///
    /// Returns `None` while the text is under way, or once it is sent.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        self.outbox.take_back(local)
    }

    /// A `@changename:` was sent.
    pub fn rename_sent(&mut self, name: Nickname) {
        self.pending_requests.push(PendingRequest::Rename(name));
    }

    /// Records that a probe was sent.
    pub fn probe_sent(&mut self) {
        self.pager.probe_sent();
        self.pending_requests.push(PendingRequest::Page);
    }

    /// The page to ask for to see what is older than anything here. `None` when there is nothing
    /// older, when a page is under way, and when it failed and `is_retry` is false.
    pub fn load_older(&mut self, is_retry: bool) -> Option<Cursor> {
        let older = self.log.oldest()?.checked_sub(1)?;
        self.load(older, is_retry)
    }

    /// The page to ask for to see message `target`, or where that is no longer kept the next one
    /// that is missing.
    pub fn load(&mut self, target: MessageId, is_retry: bool) -> Option<Cursor> {
        let target = self.missing(target)?;
        let may_try = is_retry || self.pager.failed() != Some(target);
        let cursor = may_try.then(|| self.pager.request(target, &self.log)).flatten();
        self.expect_page(cursor)
    }

    /// The same, before whatever else is under way.
    pub fn load_first(&mut self, target: MessageId) -> Option<Cursor> {
        let target = self.missing(target)?;
        let cursor = self.pager.request_first(target, &self.log);
        self.expect_page(Some(cursor))
    }

    /// The message that can be asked for to see `target`; `None` if it is here, or not kept.
    fn missing(&self, target: MessageId) -> Option<MessageId> {
        let target = self.log.first_kept(target);
        let exists = target <= self.log.head() && self.log.is_kept(target);
        let is_wanted = exists && self.log.get(target).is_none();
        (self.stage == Stage::Live && is_wanted).then_some(target)
    }

    /// The page to ask for to see the newest message; `None` when it is here.
    pub fn load_newest(&mut self) -> Option<Cursor> {
        let is_wanted = self.stage == Stage::Live && self.log.tail().is_some();
        let cursor = is_wanted.then(|| self.pager.request_newest(&self.log)).flatten();
        self.expect_page(cursor)
    }

    /// A page that is asked for is a question.
    pub(super) fn expect_page(&mut self, cursor: Option<Cursor>) -> Option<Cursor> {
        if cursor.is_some() {
            self.pending_requests.push(PendingRequest::Page);
        }
        cursor
    }

    /// Holds no more than fits a page, around message `reader`, or at the end where that is `None`.
    pub fn trim(&mut self, reader: Option<MessageId>) {
        self.log.trim(reader, self.held_max);
    }

    /// Whether joins and leaves are left out of the rows.
    pub fn hide_lines(&mut self, are_hidden: bool) {
        self.lines_hidden = are_hidden;
    }

    /// Whether what is looked for may still come: nothing is known yet, or a page is under way.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        !self.was_greeted || self.pager.target().is_some()
    }

    /// The number of the latest page request, for a timer.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.pager.request_number()
    }

    /// The wait before this page request is over: the page to ask for, if it still is to be.
    pub fn retry_page(&mut self, request_number: u64) -> Option<Cursor> {
        let cursor = self.pager.retry(request_number, &self.log);
        self.expect_page(cursor)
    }

    /// The page request with this number has taken too long. Says whether that changed anything.
    pub fn page_timed_out(&mut self, request_number: u64) -> bool {
        let is_late = self.pager.time_out(request_number);
        if is_late {
            self.give_up_search();
        }
        is_late
    }
}
