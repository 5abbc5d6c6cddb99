//! Which history page to ask for. One page is under way at a time; answers are matched loosely,
//! for a page is merged by id wherever it came from.

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId};

use super::log::Log;

/// How often a page is asked for again because new messages shifted the wanted one off it.
const ASKS_MAX: u8 = 5;

/// The request under way.
#[derive(Debug)]
struct Wanted {
    target: MessageId,
    asks: u8,
}

/// The state of paging.
#[derive(Debug, Default)]
pub struct Pager {
    wanted: Option<Wanted>,
    /// Answers that have not come: to page requests and to probes, which look alike.
    awaited: u32,
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
    pub fn request(&mut self, target: MessageId, newest: MessageId) -> Option<Cursor> {
        if self.wanted.is_some() {
            return None;
        }
        self.wanted = Some(Wanted { target, asks: 1 });
        self.failed = None;
        self.awaited += 1;
        self.serial += 1;
        Some(page_of(target, newest))
    }

    /// A probe was sent, which is answered by a page.
    pub fn probed(&mut self) {
        self.awaited += 1;
    }

    /// A page came and was merged: is it what was wanted? If not, says what to ask for next.
    pub fn answered(&mut self, was_empty: bool, log: &mut Log) -> Option<Cursor> {
        self.awaited = self.awaited.saturating_sub(1);
        let wanted = self.wanted.as_mut()?;
        if was_empty {
            // Past the end: the wanted message is older than anything kept.
            log.raise_floor(wanted.target.saturating_add(1));
        }
        if log.get(wanted.target).is_some() || !log.is_kept(wanted.target) {
            self.wanted = None;
        } else if self.awaited == 0 {
            if wanted.asks >= ASKS_MAX {
                self.fail();
            } else {
                wanted.asks += 1;
                self.awaited = 1;
                return Some(page_of(wanted.target, log.newest().unwrap_or(0)));
            }
        }
        None
    }

    /// The request under way came to nothing.
    pub fn fail(&mut self) {
        if let Some(wanted) = self.wanted.take() {
            self.failed = Some(wanted.target);
        }
        self.awaited = 0;
    }

    /// The request with this number has taken too long. Says whether it was still under way.
    pub fn time_out(&mut self, serial: u64) -> bool {
        let is_it = self.serial == serial && self.wanted.is_some();
        if is_it {
            self.fail();
        }
        is_it
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
        self.awaited > 0
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
