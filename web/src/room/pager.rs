//! Which history page to ask for. One page is under way at a time; answers are matched loosely,
//! for a page is merged by id wherever it came from.

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId};

use super::log::Log;

/// How often a page is asked for again because new messages shifted the wanted one off it, or
/// because the server put it off.
const ASKS_MAX: u8 = 5;

/// How many pages are asked for to find the oldest message that is kept: each halves the messages
/// among which it may be.
const CLIMB_ASKS_MAX: u8 = 60;

/// The request under way.
#[derive(Debug)]
struct Wanted {
    target: MessageId,
    /// Whether the target is the oldest message that may still be kept.
    is_climbing: bool,
    /// Whether it is not this message that is wanted, but whatever is the newest.
    is_newest: bool,
    asks: u8,
}

impl Wanted {
    /// Whether it was asked for as often as it is.
    fn is_spent(&self) -> bool {
        self.asks >= if self.is_climbing { CLIMB_ASKS_MAX } else { ASKS_MAX }
    }
}

/// The state of paging.
#[derive(Debug, Default)]
pub struct Pager {
    wanted: Option<Wanted>,
    /// Answers that have not come: to page requests and to probes, which look alike. They come in
    /// the order of the questions. Each with the id at which its page ends, or a newer one: if the
    /// page is empty, nothing up to there is kept.
    awaited: Vec<MessageId>,
    /// What could not be loaded; not tried again until a person asks.
    failed: Option<MessageId>,
    /// Counts requests, so that a timer knows whether its own is still the one under way.
    serial: u64,
}

/// The page that holds `target` while `newest` is the newest message.
#[must_use]
pub fn page_of(target: MessageId, newest: MessageId) -> Cursor {
    Cursor(newest.saturating_sub(target) / HISTORY_PAGE_MESSAGES)
}

impl Pager {
    /// The page to ask for so that `target` comes; `None` while another one is under way.
    pub fn request(&mut self, target: MessageId, log: &Log) -> Option<Cursor> {
        self.wanted.is_none().then(|| self.request_first(target, log))
    }

    /// The same, before whatever is under way, whose answer is merged all the same.
    pub fn request_first(&mut self, target: MessageId, log: &Log) -> Cursor {
        self.ask(Wanted { target, is_climbing: false, is_newest: false, asks: 1 }, log)
    }

    /// The page to ask for so that the newest message comes. It goes before whatever is under way,
    /// whose answer is merged all the same; `None` if that is the newest already.
    pub fn request_newest(&mut self, log: &Log) -> Option<Cursor> {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.is_newest) {
            return None;
        }
        let target = log.head();
        Some(self.ask(Wanted { target, is_climbing: false, is_newest: true, asks: 1 }, log))
    }

    fn ask(&mut self, wanted: Wanted, log: &Log) -> Cursor {
        let asked =
            if wanted.is_climbing { log.middle_of_gap(wanted.target) } else { wanted.target };
        let cursor = page_of(asked, log.head());
        self.wanted = Some(wanted);
        self.failed = None;
        self.serial += 1;
        self.awaited.push(log.head().saturating_sub(cursor.0 * HISTORY_PAGE_MESSAGES));
        cursor
    }

    /// Records that a probe was sent. Its answer is an empty page far beyond the history's end,
    /// which says nothing about what is kept.
    pub fn probed(&mut self) {
        self.awaited.push(0);
    }

    /// A page came and was merged: is it what was wanted? If not, says what to ask for next.
    pub fn answered(&mut self, was_empty: bool, log: &mut Log) -> Option<Cursor> {
        if let Some(end) = self.next_answer()
            && was_empty
        {
            log.raise_floor(end + 1);
        }
        let mut wanted = self.wanted.take()?;
        let is_here = log.get(wanted.target).is_some() || wanted.is_newest && log.tail().is_none();
        // Where the server has dropped it, the next best is the oldest that it still has.
        let next = log.first_kept(wanted.target);
        if is_here || !log.is_kept(next) {
            return None;
        }
        if next != wanted.target {
            let asks = if wanted.is_climbing { wanted.asks } else { 0 };
            wanted = Wanted { target: next, is_climbing: true, is_newest: false, asks };
        }
        if !self.awaited.is_empty() {
            self.wanted = Some(wanted);
        } else if wanted.is_spent() {
            self.failed = Some(wanted.target);
        } else {
            wanted.asks += 1;
            return Some(self.ask(wanted, log));
        }
        None
    }

    /// The server gives no page yet: what is wanted stays so, to be asked for after a wait, under
    /// another number, so that it does not time out meanwhile. False when there is nothing to wait
    /// for, or it was waited for often enough.
    pub fn put_off(&mut self) -> bool {
        self.next_answer();
        self.serial += 1;
        let is_worth_it = self.wanted.as_ref().is_some_and(|wanted| !wanted.is_spent());
        if !is_worth_it {
            self.give_up();
        }
        is_worth_it
    }

    /// The wait of the request with this number is over: the page to ask for, unless another
    /// request has gone out since, or nothing is wanted any more.
    pub fn ask_again(&mut self, serial: u64, log: &Log) -> Option<Cursor> {
        let mut wanted = self.wanted.take_if(|_| self.serial == serial)?;
        wanted.asks += 1;
        if wanted.is_newest {
            wanted.target = log.head();
        }
        Some(self.ask(wanted, log))
    }

    /// The server could not answer the question under way.
    pub fn fail(&mut self) {
        self.next_answer();
        self.give_up();
    }

    fn next_answer(&mut self) -> Option<MessageId> {
        (!self.awaited.is_empty()).then(|| self.awaited.remove(0))
    }

    /// The request with this number has taken too long. Says whether it was still under way.
    pub fn time_out(&mut self, serial: u64) -> bool {
        self.serial == serial && self.give_up()
    }

    fn give_up(&mut self) -> bool {
        let wanted = self.wanted.take();
        self.failed = wanted.as_ref().map(|wanted| wanted.target).or(self.failed);
        wanted.is_some()
    }

    /// The connection went, and every answer with it.
    pub fn reset(&mut self) {
        *self = Self { serial: self.serial, ..Self::default() };
    }

    /// The number of the latest request.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// The message whose page is under way.
    #[must_use]
    pub fn target(&self) -> Option<MessageId> {
        self.wanted.as_ref().map(|wanted| wanted.target)
    }

    /// The message whose page could not be loaded.
    #[must_use]
    pub fn failed(&self) -> Option<MessageId> {
        self.failed
    }
}
