//! Decides which history page to request. The pager wants one page at a time: the page of its
//! target message. Every page is merged by message id, so a late answer to an earlier request is
//! useful too.

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId};

use super::log::Log;

/// The most requests for one target. The pager repeats a request when new messages moved the target
/// to another page, or when the server limited the rate.
const REQUESTS_MAX: u8 = 5;

/// The most requests of one bisection, which looks for the oldest message that the server still
/// has. Each request halves the range of that message.
const BISECT_REQUESTS_MAX: u8 = 60;

/// The page that is wanted.
#[derive(Debug)]
struct Wanted {
    /// The message for which the page is requested.
    target: MessageId,
    /// Whether the pager is bisecting for the oldest message that the server still has.
    is_bisecting: bool,
    /// Whether the newest message is wanted, even if newer ones arrive meanwhile.
    is_newest: bool,
    /// The number of requests so far.
    request_count: u8,
}

impl Wanted {
    fn may_request_again(&self) -> bool {
        let max = if self.is_bisecting { BISECT_REQUESTS_MAX } else { REQUESTS_MAX };
        self.request_count < max
    }
}

/// The state of paging on one connection.
#[derive(Debug, Default)]
pub struct Pager {
    wanted: Option<Wanted>,
    /// The unanswered page requests and probes, which the server answers in order. Each of them is
    /// stored as the newest id that its page can have. If the page is empty, the server has no
    /// messages up to that id.
    unanswered: Vec<MessageId>,
    /// The target that could not be loaded. The pager requests it again only if the person asks for
    /// it.
    failed_target: Option<MessageId>,
    /// The number of the latest request. A timer with a smaller number is outdated.
    request_number: u64,
}

/// Returns the page that holds `target` while `newest` is the newest message.
#[must_use]
pub fn page_of(target: MessageId, newest: MessageId) -> Cursor {
    Cursor(newest.saturating_sub(target) / HISTORY_PAGE_MESSAGES)
}

impl Pager {
    /// Returns the page to request for `target`. Returns `None` while another page is wanted.
    pub fn request(&mut self, target: MessageId, log: &Log) -> Option<Cursor> {
        if self.wanted.is_some() {
            return None;
        }
        Some(self.request_now(target, log))
    }

    /// Returns the page to request for `target`, even while another page is wanted. The answer to
    /// the earlier request is still merged.
    pub fn request_now(&mut self, target: MessageId, log: &Log) -> Cursor {
        let wanted = Wanted { target, is_bisecting: false, is_newest: false, request_count: 1 };
        self.request_wanted(wanted, log)
    }

    /// Returns the page to request for the newest message, even while another page is wanted.
    /// Returns `None` if the newest message is already wanted.
    pub fn request_newest(&mut self, log: &Log) -> Option<Cursor> {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.is_newest) {
            return None;
        }
        let target = log.head();
        let wanted = Wanted { target, is_bisecting: false, is_newest: true, request_count: 1 };
        Some(self.request_wanted(wanted, log))
    }

    /// Records a request for `wanted`, and returns its page.
    fn request_wanted(&mut self, wanted: Wanted, log: &Log) -> Cursor {
        let id = if wanted.is_bisecting { log.middle_of_gap(wanted.target) } else { wanted.target };
        let cursor = page_of(id, log.head());
        let newest_of_page = log.head().saturating_sub(cursor.0 * HISTORY_PAGE_MESSAGES);
        self.wanted = Some(wanted);
        self.failed_target = None;
        self.request_number += 1;
        self.unanswered.push(newest_of_page);
        cursor
    }

    /// Records that a probe was sent: a request for a page far beyond the end of the history. Its
    /// answer is empty, whatever messages the server has.
    pub fn on_probe_sent(&mut self) {
        self.unanswered.push(0);
    }

    /// Records that a page arrived and was merged. Returns the next page to request if the wanted
    /// message is still missing.
    pub fn on_page(&mut self, was_empty: bool, log: &mut Log) -> Option<Cursor> {
        if let Some(newest_of_page) = self.pop_unanswered()
            && was_empty
        {
            log.record_oldest_kept(newest_of_page + 1);
        }

        // 1. No page is wanted any more if the wanted message is held, or if the server has dropped
        // all messages of its gap.
        let mut wanted = self.wanted.take()?;
        let is_target_held = log.get(wanted.target).is_some();
        let is_newest_held = wanted.is_newest && log.tail().is_none();
        let target = log.first_kept(wanted.target);
        if is_target_held || is_newest_held || !log.is_kept(target) {
            return None;
        }

        // 2. The server has dropped the target. The pager now looks for the oldest message that the
        // server still has.
        if target != wanted.target {
            let request_count = if wanted.is_bisecting { wanted.request_count } else { 0 };
            wanted = Wanted { target, is_bisecting: true, is_newest: false, request_count };
        }

        // 3. The answer to another request may have the target. Without such a request, the pager
        // requests the target again.
        if !self.unanswered.is_empty() {
            self.wanted = Some(wanted);
            None
        } else if wanted.may_request_again() {
            wanted.request_count += 1;
            Some(self.request_wanted(wanted, log))
        } else {
            self.failed_target = Some(wanted.target);
            None
        }
    }

    /// Records that the server refused a request because of its rate limit. Returns whether the
    /// caller should call [`retry`](Self::retry) after the wait. Returns false if no page is wanted
    /// or if the pager gives the request up after too many repeats.
    pub fn defer(&mut self) -> bool {
        self.pop_unanswered();
        // The new number makes the timeout of the refused request outdated.
        self.request_number += 1;
        let may_retry = self.wanted.as_ref().is_some_and(Wanted::may_request_again);
        if !may_retry {
            self.give_up();
        }
        may_retry
    }

    /// Returns the page to request once the wait of request `number` is over. Returns `None` if
    /// that request is no longer the latest one, or if no page is wanted any more.
    pub fn retry(&mut self, number: u64, log: &Log) -> Option<Cursor> {
        if self.request_number != number {
            return None;
        }
        let mut wanted = self.wanted.take()?;
        wanted.request_count += 1;
        if wanted.is_newest {
            wanted.target = log.head();
        }
        Some(self.request_wanted(wanted, log))
    }

    /// Records that the server answered a request with an error.
    pub fn fail(&mut self) {
        self.pop_unanswered();
        self.give_up();
    }

    /// Removes the oldest unanswered request or probe. Returns the newest id that its page can
    /// have.
    fn pop_unanswered(&mut self) -> Option<MessageId> {
        if self.unanswered.is_empty() { None } else { Some(self.unanswered.remove(0)) }
    }

    /// Gives request `number` up. Returns false, without effect, if that request is no longer the
    /// latest one or was answered.
    pub fn on_timeout(&mut self, number: u64) -> bool {
        self.request_number == number && self.give_up()
    }

    /// Marks the wanted target as failed. Returns false if no page is wanted.
    fn give_up(&mut self) -> bool {
        let Some(wanted) = self.wanted.take() else { return false };
        self.failed_target = Some(wanted.target);
        true
    }

    /// Forgets all requests of a closed connection. The numbers of requests go on, so timers of
    /// that connection stay outdated.
    pub fn reset(&mut self) {
        *self = Self { request_number: self.request_number, ..Self::default() };
    }

    /// Returns the number of the latest request.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.request_number
    }

    /// Returns the message for which a page is wanted.
    #[must_use]
    pub fn target(&self) -> Option<MessageId> {
        self.wanted.as_ref().map(|wanted| wanted.target)
    }

    /// Returns the message that could not be loaded.
    #[must_use]
    pub fn failed_target(&self) -> Option<MessageId> {
        self.failed_target
    }
}
