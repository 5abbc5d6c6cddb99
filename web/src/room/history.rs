//! Applies history pages: page 0 of a greeting, and the pages that the client requested.

use std::mem;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, Record, UnixMillis};

use super::log::Message;
use super::pending_requests::PendingRequest;
use super::{Changes, Room, Stage};

impl Room {
    /// Applies a history page. `at` is used as the time of records without a time.
    pub(super) fn on_history_page(
        &mut self,
        records: &[Record],
        at: UnixMillis,
        changes: &mut Changes,
    ) {
        let is_greeting = self.stage == Stage::Greeting;
        self.drop_replaced_history(records, is_greeting);
        self.merge_page(records, at);

        // The page may contain texts that were in flight when the connection closed.
        let is_confirmed = self.outbox.confirm_from_history(&mut self.log);
        if is_greeting && mem::take(&mut self.has_other_epoch) {
            self.outbox.requeue_missing();
        }
        changes.outbox = is_greeting || is_confirmed || self.search_position.is_some();
        self.stop_search_if_done();

        // The client may need another page: a page of the search, or the page of the pager's
        // target.
        if is_greeting {
            self.complete_greeting(records, at, changes);
        } else {
            self.pending_requests.take_first(PendingRequest::is_page);
            changes.request = self.pager.on_page(records.is_empty(), &mut self.log);
            if changes.request.is_none() {
                changes.request = self.continue_search(records);
            }
        }
        changes.request = self.expect_page(changes.request);
        changes.rows = true;
        changes.is_replay = true;
    }

    /// Clears the log if the page shows that the server's store was wiped or restored: page 0 of
    /// the greeting ends before the newest known message, or a held message has another author or
    /// text.
    fn drop_replaced_history(&mut self, records: &[Record], is_greeting: bool) {
        let newest = newest_id(records);
        let ends_too_early = is_greeting && newest < self.log.head();
        if ends_too_early || self.contradicts(records) {
            self.log.clear();
            self.unread.reset();
            // All messages of the page count as read. A greeting sets the read mark at its end.
            if !is_greeting {
                self.unread.on_greeting(newest);
            }
        }
    }

    /// Adds the messages of a page to the log.
    fn merge_page(&mut self, records: &[Record], at: UnixMillis) {
        // A page that is not full ends with the oldest message of the history.
        let is_full = records.len() as u64 >= HISTORY_PAGE_MESSAGES;
        let oldest = records.iter().filter_map(|record| record.id).min();
        if let Some(oldest) = oldest
            && !is_full
        {
            self.log.record_oldest_kept(oldest);
        }
        for record in records {
            self.unread.on_message(record.id.unwrap_or(0), self.is_me(&record.from));
            let message = self.message_of(record, at);
            self.log.insert(message);
        }
    }

    /// Completes the greeting, whose last frame is page 0 with `records`.
    fn complete_greeting(&mut self, records: &[Record], at: UnixMillis, changes: &mut Changes) {
        self.stage = Stage::Live;
        let is_reconnect = mem::replace(&mut self.was_greeted, true);
        // Without a history, the messages of the outage are lost. A line says so.
        if is_reconnect
            && self.is_history_off()
            && let Some(me) = self.me.clone()
        {
            self.log.push_missed_line(me, at);
        }
        changes.request = self.start_search(records);
        self.unread.on_greeting(self.log.head());
        changes.is_greeted = true;
    }

    /// Returns whether any record has another author or text than the held message with the same
    /// id.
    fn contradicts(&self, records: &[Record]) -> bool {
        records.iter().any(|record| match record.id.and_then(|id| self.log.get(id)) {
            Some(held) => held.from != record.from || *held.text != *record.payload,
            None => false,
        })
    }

    /// Converts a record of a page. `at` is the time of a record that has none.
    fn message_of(&self, record: &Record, at: UnixMillis) -> Message {
        let name = self.name_of(&record.from, record.nickname.as_ref());
        Message {
            id: record.id,
            from: record.from.clone(),
            name,
            text: record.payload.as_str().into(),
            at: record.ts.unwrap_or(at),
            local: None,
        }
    }
}

/// Returns the newest id of a page; 0 for a page without ids.
fn newest_id(records: &[Record]) -> MessageId {
    records.iter().filter_map(|record| record.id).max().unwrap_or(0)
}
