//! What this client wants of the server: what may be sent now, and what is noted when it was.

use std::sync::Arc;

use xmeet_shared::{Cursor, MessageId, UnixMillis};

use super::outbox::LocalId;
use super::{Changes, Room, Stage};

impl Room {
    /// The connection went.
    pub fn lost(&mut self) {
        self.stage = Stage::Away;
        self.pager.reset();
        self.searched_to = None;
        self.is_renaming = false;
    }

    /// The server closed the connection over the size of what was under way.
    pub fn found_too_large(&mut self) -> Changes {
        let returned = self.outbox.refuse();
        Changes { outbox: returned.is_some(), rows: true, returned, ..Changes::default() }
    }

    /// Puts a text into the outbox.
    pub fn say(&mut self, text: &str, at: UnixMillis) -> LocalId {
        self.unread.said();
        self.outbox.push(text.into(), at)
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
            self.outbox.mark_sent(local, me, self.log.newest().unwrap_or(0));
        }
    }

    /// A person wants a text that is in doubt sent again.
    pub fn send_again(&mut self, local: LocalId) {
        self.outbox.send_again(local);
    }

    /// A person wants a text back.
    pub fn withdraw(&mut self, local: LocalId) -> Option<Arc<str>> {
        self.outbox.withdraw(local)
    }

    /// A `@changename:` was sent.
    pub fn rename_sent(&mut self) {
        self.is_renaming = true;
    }

    /// Something was sent that is answered by page 0.
    pub fn probe_sent(&mut self) {
        self.pager.probed();
    }

    /// The page to ask for to see what is older than anything here. `None` when there is nothing
    /// older, when a page is under way, and when it failed and `is_retry` is false.
    pub fn load_older(&mut self, is_retry: bool) -> Option<Cursor> {
        let older = self.log.oldest()?.checked_sub(1)?;
        self.load(older, is_retry)
    }

    /// The page to ask for to see message `target`.
    pub fn load(&mut self, target: MessageId, is_retry: bool) -> Option<Cursor> {
        let is_wanted = self.log.is_kept(target) && self.log.get(target).is_none();
        let may_try = is_retry || self.pager.failed() != Some(target);
        if self.stage != Stage::Live || !is_wanted || !may_try {
            return None;
        }
        self.pager.request(target, self.log.newest()?)
    }

    /// Whether what is looked for may still come: nothing is known yet, or a page is under way.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        !self.was_greeted || self.pager.target().is_some()
    }

    /// The number of the latest page request, for a timer.
    #[must_use]
    pub fn request_number(&self) -> u64 {
        self.pager.serial()
    }

    /// The page request with this number has taken too long. Says whether that changed anything.
    pub fn time_out(&mut self, request_number: u64) -> bool {
        let is_late = self.pager.time_out(request_number);
        if is_late {
            self.end_search();
        }
        is_late
    }
}
