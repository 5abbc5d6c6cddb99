//! Searches the history for a text that was in flight when the connection closed.
//!
//! The server keeps a text of an earlier connection either before it greets the next connection of
//! this tab, or never. So the text is between the message that was newest when it was sent and the
//! newest message of the greeting, or the server does not have it. The search reads that range page
//! by page, newest first.

use xmeet_shared::{Cursor, Record};

use super::Room;

impl Room {
    /// Starts the search after a greeting whose page 0 is `records`. Returns the page to request.
    pub(super) fn start_search(&mut self, records: &[Record]) -> Option<Cursor> {
        if !self.can_look_up() {
            // The server does not resume members or keeps no history, so there is no range to
            // search.
            self.outbox.mark_unconfirmed();
            return None;
        }
        self.searched_to = Some(self.log.head());
        self.continue_search(records)
    }

    /// Continues the search after a page was merged. Returns the next page to request.
    pub(super) fn continue_search(&mut self, records: &[Record]) -> Option<Cursor> {
        let mut next = self.searched_to?;
        let mut ids = records.iter().filter_map(|record| record.id);
        if ids.clone().any(|id| id == next) {
            next = ids.by_ref().min().unwrap_or(next).saturating_sub(1);
            self.searched_to = Some(next);
        }
        match self.outbox.sent_after() {
            None => self.searched_to = None,
            Some(after) if next <= after => {
                self.outbox.requeue_missing();
                self.searched_to = None;
            }
            // The server may have kept the text and dropped it since, or the page failed to load.
            Some(_) if !self.log.is_kept(next) || self.pager.failed() == Some(next) => {
                self.give_up_search();
            }
            Some(_) => return self.pager.request(next, &self.log),
        }
        None
    }

    /// Stops the search once no text is in flight. Otherwise it would go on for the next text that
    /// is sent.
    pub(super) fn stop_search_if_done(&mut self) {
        if !self.outbox.is_sending() {
            self.searched_to = None;
        }
    }

    /// Stops a search that cannot find out whether the server has the text. The person decides.
    pub(super) fn give_up_search(&mut self) {
        if self.searched_to.take().is_some() {
            self.outbox.mark_unconfirmed();
        }
    }
}
