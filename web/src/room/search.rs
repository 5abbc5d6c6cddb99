//! Searches the history for a text that was in flight when the connection closed.
//!
//! The server stores a text of an earlier connection before it greets the next connection of this
//! tab, or never. So the id of the text is greater than the newest id at the time of sending, and
//! not greater than the newest id of the greeting. The search reads that range page by page, newest
//! first. If no page has the text, the server does not have it.

use xmeet_shared::{Cursor, MessageId, Record};

use super::Room;

impl Room {
    /// Starts the search after a greeting whose page 0 is `records`. Returns the page to request.
    pub(super) fn start_search(&mut self, records: &[Record]) -> Option<Cursor> {
        if !self.can_search_history() {
            // Without a history, there is no way to find out whether the server has the text.
            self.outbox.mark_unconfirmed();
            return None;
        }
        self.search_position = Some(self.log.head());
        self.continue_search(records)
    }

    /// Continues the search after the page with `records` was merged. Returns the next page to
    /// request.
    pub(super) fn continue_search(&mut self, records: &[Record]) -> Option<Cursor> {
        // 1. If the page covers the position of the search, the search goes on before the page.
        let mut position = self.search_position?;
        let ids: Vec<MessageId> = records.iter().filter_map(|record| record.id).collect();
        if ids.contains(&position) {
            let oldest = ids.iter().min().copied().unwrap_or(position);
            position = oldest.saturating_sub(1);
            self.search_position = Some(position);
        }

        // 2. The search ends once the text is found, or once no message after its sending is left.
        let Some(sent_after) = self.outbox.sent_after() else {
            self.search_position = None;
            return None;
        };
        if position <= sent_after {
            self.outbox.requeue_missing();
            self.search_position = None;
            return None;
        }

        // 3. The search fails if the next page could not be loaded, or if the server has dropped
        // the messages before this page. One of the dropped messages may have been the text.
        if !self.log.is_kept(position) || self.pager.failed_target() == Some(position) {
            self.give_up_search();
            return None;
        }
        self.pager.request(position, &self.log)
    }

    /// Stops the search if no text is in flight any more. Otherwise the search would go on for the
    /// next text that is sent.
    pub(super) fn stop_search_if_done(&mut self) {
        if !self.outbox.is_sending() {
            self.search_position = None;
        }
    }

    /// Stops a search that cannot find out whether the server has the text. The person decides
    /// whether to send the text again.
    pub(super) fn give_up_search(&mut self) {
        if self.search_position.take().is_some() {
            self.outbox.mark_unconfirmed();
        }
    }
}
