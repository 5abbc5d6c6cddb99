//! What became of the message that was under way when the connection went.
//!
//! What an earlier connection of this tab sent is kept before the next one is greeted, or never. So
//! the message is among those from the one that was newest when it was sent to the newest of the
//! greeting, or it is not kept; and it is looked for there, page by page, from the newest down.

use xmeet_shared::{Cursor, Record};

use super::Room;

impl Room {
    /// The greeting has come, with `records` as page 0. Gives back the page to ask for.
    pub(super) fn start_search(&mut self, records: &[Record]) -> Option<Cursor> {
        if !self.can_look_up() {
            // This server resumes nobody, or keeps nothing: there is nowhere to look.
            self.outbox.doubt();
            return None;
        }
        self.searched_to = Some(self.log.head());
        self.search_on(records)
    }

    /// A page has come and was looked through. Gives back the next one to ask for.
    pub(super) fn search_on(&mut self, records: &[Record]) -> Option<Cursor> {
        let mut next = self.searched_to?;
        let mut ids = records.iter().filter_map(|record| record.id);
        if ids.clone().any(|id| id == next) {
            next = ids.by_ref().min().unwrap_or(next).saturating_sub(1);
            self.searched_to = Some(next);
        }
        match self.outbox.under_way_after() {
            None => self.searched_to = None,
            Some(after) if next <= after => {
                self.outbox.not_found();
                self.searched_to = None;
            }
            // It may have been kept, and dropped since; or the page could not be had.
            Some(_) if !self.log.is_kept(next) || self.pager.failed() == Some(next) => {
                self.end_search();
            }
            Some(_) => return self.pager.request(next, &self.log),
        }
        None
    }

    /// Ends the search once no text is under way. Otherwise the next text to be sent would be taken
    /// for the searched one.
    pub(super) fn end_search_without_text(&mut self) {
        if !self.outbox.is_sending() {
            self.searched_to = None;
        }
    }

    /// A page could not be had: a person decides.
    pub(super) fn end_search(&mut self) {
        if self.searched_to.take().is_some() {
            self.outbox.doubt();
        }
    }
}
