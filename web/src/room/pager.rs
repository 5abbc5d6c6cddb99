//! Decides which history page to request. It wants one page at a time. Every page is merged by
//! message id, so a late answer to an earlier request is useful too.

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId};

use super::log::Log;

/// The most requests for one target. A repeat is needed when new messages moved the target to
/// another page, or when the server limited the rate.
const REQUESTS_MAX: u8 = 5;

/// The most requests of one bisection. Each one halves the range that holds the oldest message.
const BISECT_REQUESTS_MAX: u8 = 60;

/// The page that is wanted.
#[derive(Debug)]
struct Wanted {
    target: MessageId,
    /// Whether the pager is bisecting for the oldest message that the server still has.
    is_bisecting: bool,
    /// Whether the newest message is wanted, even if newer ones arrive meanwhile.
    is_newest: bool,
    /// The number of requests so far.
    requests: u8,
}

impl Wanted {
    fn has_no_requests_left(&self) -> bool {
        self.requests >= if self.is_bisecting { BISECT_REQUESTS_MAX } else { REQUESTS_MAX }
    }
}

/// The state of paging on one connection.
#[derive(Debug, Default)]
pub struct Pager {
    wanted: Option<Wanted>,
    /// The unanswered page requests and probes, which the server answers in order. Each one is
    /// stored as the newest id that its page can have: an empty page means that the server has
    /// nothing up to that id.
    unanswered: Vec<MessageId>,
    /// The target that could not be loaded. Only the person retries it.
    failed: Option<MessageId>,
    /// The number of the latest request. A timer with an older number is out of date.
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
        self.wanted.is_none().then(|| self.request_first(target, log))
    }

    /// Returns the page to request for `target`, which replaces the wanted page. The answer to the
    /// earlier request is still merged.
    pub fn request_first(&mut self, target: MessageId, log: &Log) -> Cursor {
        self.send(Wanted { target, is_bisecting: false, is_newest: false, requests: 1 }, log)
    }

    /// Returns the page to request for the newest message, which replaces the wanted page. Returns
    /// `None` when the newest message is already wanted.
    pub fn request_newest(&mut self, log: &Log) -> Option<Cursor> {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.is_newest) {
            return None;
        }
        let target = log.head();
        Some(self.send(Wanted { target, is_bisecting: false, is_newest: true, requests: 1 }, log))
    }

    fn send(&mut self, wanted: Wanted, log: &Log) -> Cursor {
        let id = if wanted.is_bisecting { log.middle_of_gap(wanted.target) } else { wanted.target };
        let cursor = page_of(id, log.head());
        self.wanted = Some(wanted);
        self.failed = None;
        self.request_number += 1;
        self.unanswered.push(log.head().saturating_sub(cursor.0 * HISTORY_PAGE_MESSAGES));
        cursor
    }

    /// Records that a probe was sent. Its answer is an empty page far beyond the end of the
    /// history, so it tells nothing about the messages that the server has.
    pub fn probe_sent(&mut self) {
        self.unanswered.push(0);
    }

    /// Records that a page arrived and was merged. Returns the next page to request if the wanted
    /// message is still missing.
    pub fn page_received(&mut self, was_empty: bool, log: &mut Log) -> Option<Cursor> {
        if let Some(newest_of_page) = self.pop_unanswered()
            && was_empty
        {
            log.learn_oldest_kept(newest_of_page + 1);
        }
        let mut wanted = self.wanted.take()?;
        let is_here = log.get(wanted.target).is_some() || wanted.is_newest && log.tail().is_none();
        // If the server has dropped the target, the oldest message that it still has replaces it.
        let next = log.first_kept(wanted.target);
        if is_here || !log.is_kept(next) {
            return None;
        }
        if next != wanted.target {
            let requests = if wanted.is_bisecting { wanted.requests } else { 0 };
            wanted = Wanted { target: next, is_bisecting: true, is_newest: false, requests };
        }
        if !self.unanswered.is_empty() {
            self.wanted = Some(wanted);
        } else if wanted.has_no_requests_left() {
            self.failed = Some(wanted.target);
        } else {
            wanted.requests += 1;
            return Some(self.send(wanted, log));
        }
        None
    }

    /// Records that the server limited the rate of a request. The request gets a new number, so
    /// that it cannot time out during the wait. Returns whether to [retry](Self::retry) it later:
    /// false if no page is wanted or no requests are left.
    pub fn defer(&mut self) -> bool {
        self.pop_unanswered();
        self.request_number += 1;
        let may_retry = self.wanted.as_ref().is_some_and(|wanted| !wanted.has_no_requests_left());
        if !may_retry {
            self.give_up();
        }
        may_retry
    }

    /// Returns the page to request once the wait of request `number` is over. Returns `None` if
    /// another request was sent since, or if no page is wanted any more.
    pub fn retry(&mut self, number: u64, log: &Log) -> Option<Cursor> {
        let mut wanted = self.wanted.take_if(|_| self.request_number == number)?;
        wanted.requests += 1;
        if wanted.is_newest {
            wanted.target = log.head();
        }
        Some(self.send(wanted, log))
    }

    /// Records that the server answered a request with an error.
    pub fn fail(&mut self) {
        self.pop_unanswered();
        self.give_up();
    }

    fn pop_unanswered(&mut self) -> Option<MessageId> {
        (!self.unanswered.is_empty()).then(|| self.unanswered.remove(0))
    }

    /// Gives request `number` up. Returns false if it is out of date.
    pub fn time_out(&mut self, number: u64) -> bool {
        self.request_number == number && self.give_up()
    }

    fn give_up(&mut self) -> bool {
        let wanted = self.wanted.take();
        self.failed = wanted.as_ref().map(|wanted| wanted.target).or(self.failed);
        wanted.is_some()
    }

    /// Forgets all requests of a closed connection.
    pub fn reset(&mut self) {
        *self = Self { request_number: self.request_number, ..Self::default() };
    }

    /// Returns the number of the latest request.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.request_number
    }

    /// Returns whether a page request or a probe is unanswered.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Returns the message whose page is wanted.
    #[must_use]
    pub fn target(&self) -> Option<MessageId> {
        self.wanted.as_ref().map(|wanted| wanted.target)
    }

    /// Returns the message whose page could not be loaded.
    #[must_use]
    pub fn failed(&self) -> Option<MessageId> {
        self.failed
    }
}
