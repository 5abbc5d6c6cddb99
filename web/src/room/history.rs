//! Applies history pages: page 0 of a greeting, and the pages that the client requested.

use std::mem;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, Record, UnixMillis};

use super::log::Message;
use super::pending_requests::PendingRequest;
use super::{Changes, Room, Stage};

impl Room {
    /// Applies a history page that arrived at `at`.
    pub(super) fn on_history_page(
        &mut self,
        records: &[Record],
        at: UnixMillis,
        changes: &mut Changes,
    ) {
        let is_greeting = self.stage == Stage::Greeting;
        self.drop_replaced_history(records, is_greeting);
        self.merge_page(records, at);
        let is_confirmed = self.outbox.confirm_from_history(&mut self.log);
        if is_greeting && mem::take(&mut self.has_other_epoch) {
            self.outbox.requeue_missing();
        }
        changes.outbox = is_greeting || is_confirmed || self.searched_to.is_some();
        self.stop_search_if_done();
        if is_greeting {
            self.complete_greeting(records, at, changes);
        } else {
            self.pending_requests.take_first(PendingRequest::is_page);
            changes.request = self.pager.page_received(records.is_empty(), &mut self.log);
            if changes.request.is_none() {
                changes.request = self.continue_search(records);
            }
        }
        changes.request = self.expect_page(changes.request);
        changes.rows = true;
        changes.is_replay = true;
    }

    /// Clears the log if the page shows that the server's store was wiped or restored: page 0 of the
    /// greeting ends before the newest known message, or a held message has another content.
    fn drop_replaced_history(&mut self, records: &[Record], is_greeting: bool) {
        let newest = newest_id(records);
        let is_older = is_greeting && newest < self.log.head();
        if is_older || self.contradicts(records) {
            self.log.clear();
            self.unread.reset();
            if !is_greeting {
                self.unread.greeted(newest);
            }
        }
    }

    fn merge_page(&mut self, records: &[Record], at: UnixMillis) {
        // A page that is not full has the oldest message of the history.
        let is_full = records.len() as u64 >= HISTORY_PAGE_MESSAGES;
        let oldest = records.iter().filter_map(|record| record.id).min();
        if let Some(oldest) = oldest.filter(|_| !is_full) {
            self.log.learn_oldest_kept(oldest);
        }
        for record in records {
            self.unread.on_message(record.id.unwrap_or(0), self.is_me(&record.from));
            let message = self.message_of(record, at);
            self.log.insert(message);
        }
    }

    fn complete_greeting(&mut self, records: &[Record], at: UnixMillis, changes: &mut Changes) {
        self.stage = Stage::Live;
        let was_greeted = mem::replace(&mut self.was_greeted, true);
        if was_greeted
            && self.is_history_off()
            && let Some(me) = self.me.clone()
        {
            self.log.push_missed(me, at);
        }
        changes.request = self.start_search(records);
        self.unread.greeted(self.log.head());
        changes.is_greeted = true;
    }

    /// Returns whether a record differs from the held message with its id.
    fn contradicts(&self, records: &[Record]) -> bool {
        records.iter().any(|record| {
            let held = record.id.and_then(|id| self.log.get(id));
            held.is_some_and(|held| held.from != record.from || *held.text != *record.payload)
        })
    }

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
