//! Takes in what the server says.

use std::sync::Arc;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Envelope, ErrorCode, Pid, Record, ServerMessage, UnixMillis};

use super::log::{LineKind, Message};
use super::questions::Question;
use super::{Changes, Notice, OWN_PIDS_MAX, Room, Stage};

impl Room {
    /// Takes in one frame that came at `received_at`.
    pub fn apply(&mut self, envelope: Envelope, received_at: UnixMillis) -> Changes {
        let Envelope { from, message, ts, .. } = envelope;
        let at = ts.unwrap_or(received_at);
        let mut changes = Changes::default();
        match message {
            ServerMessage::SelfId { pid, epoch } => self.greeted_as(pid, epoch),
            ServerMessage::MemberCount(_) | ServerMessage::Ping => {}
            ServerMessage::Members(members) => {
                self.members.replace(&members);
                // Rows that are still on their way bear our name.
                changes.rows = true;
                changes.members = true;
            }
            ServerMessage::History(records) => self.history(&records, at, &mut changes),
            ServerMessage::Join(name) => {
                self.members.join(&from, name.as_str());
                self.log.push_line(from, name.as_str().into(), LineKind::Join, at);
                changes.members = true;
                changes.rows = true;
            }
            ServerMessage::Leave => {
                if let Some(person) = self.members.leave(&from) {
                    self.log.push_line(from, person.name, LineKind::Leave, at);
                    changes.members = true;
                    changes.rows = true;
                }
            }
            ServerMessage::ChangeName(name) => {
                if self.is_me(&from) {
                    self.questions.answered(Question::is_rename);
                }
                if let Some(old) = self.members.rename(&from, name.as_str()) {
                    let kind = LineKind::Rename(name.as_str().into());
                    self.log.push_line(from, old, kind, at);
                    changes.members = true;
                    changes.rows = true;
                }
            }
            ServerMessage::Normal { text, id } => self.said(&from, text, id, at, &mut changes),
            ServerMessage::Error { words, code, retry_after_ms } => {
                self.refused(Notice { code, words, retry_after_ms }, &mut changes);
            }
        }
        changes
    }

    fn greeted_as(&mut self, pid: Pid, epoch: Option<String>) {
        if epoch != self.epoch {
            // The room's ids count something else now.
            if self.epoch.is_some() {
                self.log.clear();
                self.outbox.not_found();
                self.unread.forget();
            }
            self.epoch = epoch;
        }
        self.stage = Stage::Greeting;
        self.pager.reset();
        self.searched_to = None;
        self.questions.clear();
        if !self.is_me(&pid) {
            if self.own_pids.len() >= OWN_PIDS_MAX {
                self.own_pids.remove(0);
            }
            self.own_pids.push(pid.clone());
        }
        self.me = Some(pid);
    }

    fn history(&mut self, records: &[Record], at: UnixMillis, changes: &mut Changes) {
        let is_greeting = self.stage == Stage::Greeting;
        if is_greeting && self.contradicts(records) {
            self.log.clear();
            self.unread.forget();
        }
        let was_empty = records.is_empty();
        let is_short = (records.len() as u64) < HISTORY_PAGE_MESSAGES;
        if is_short && let Some(oldest) = records.iter().filter_map(|record| record.id).min() {
            self.log.raise_floor(oldest);
        }
        for record in records {
            self.unread.heard(record.id.unwrap_or(0), self.is_me(&record.from));
            let message = self.remember(record, at);
            self.log.insert(message);
        }
        let is_settled = self.outbox.settle_from(&mut self.log);
        changes.outbox = is_greeting || is_settled || self.searched_to.is_some();
        if is_greeting {
            self.stage = Stage::Live;
            self.was_greeted = true;
            changes.ask = self.start_search(records);
            self.unread.greeted(self.log.head());
            changes.is_greeted = true;
        } else {
            self.questions.answered(Question::is_page);
            changes.ask = self.pager.answered(was_empty, &mut self.log);
            if changes.ask.is_none() {
                changes.ask = self.search_on(records);
            }
        }
        changes.ask = self.note_page(changes.ask);
        changes.rows = true;
        changes.is_replay = true;
    }

    /// Whether page 0 of a greeting shows another history than the one held: the server's store
    /// was wiped or restored.
    fn contradicts(&self, records: &[Record]) -> bool {
        let newest_here = self.log.head();
        let newest_there = records.iter().filter_map(|record| record.id).max().unwrap_or(0);
        newest_there < newest_here
            || records.iter().any(|record| {
                let held = record.id.and_then(|id| self.log.get(id));
                held.is_some_and(|held| held.from != record.from || *held.text != *record.payload)
            })
    }

    fn remember(&self, record: &Record, at: UnixMillis) -> Message {
        let name = match &record.nickname {
            Some(name) => name.as_str().into(),
            None => match self.members.name(&record.from) {
                Some(name) => name.clone(),
                None => record.from.as_str().into(),
            },
        };
        Message {
            id: record.id,
            from: record.from.clone(),
            name,
            text: record.payload.as_str().into(),
            at: record.ts.unwrap_or(at),
            local: None,
        }
    }

    /// A message without an id has no place in the room: our server never sends one.
    fn said(
        &mut self,
        from: &Pid,
        text: String,
        id: Option<u64>,
        at: UnixMillis,
        changes: &mut Changes,
    ) {
        let name = match self.members.name(from) {
            Some(name) => name.clone(),
            None => from.as_str().into(),
        };
        let is_new = id.is_some_and(|id| self.log.get(id).is_none());
        let is_own = self.is_me(from);
        if self.me.as_ref() == Some(from) {
            self.questions.answered(Question::is_text);
        }
        let local = if is_new && is_own { self.outbox.settle(from, &text) } else { None };
        changes.outbox |= local.is_some();
        let message = Message { id, from: from.clone(), name, text: text.into(), at, local };
        if let Some(id) = id.filter(|_| is_new) {
            self.unread.heard(id, is_own);
            changes.heard = (!is_own).then(|| Arc::new(message.clone()));
        }
        changes.rows |= self.log.hear(message);
    }

    fn page_failed(&mut self) {
        self.pager.fail();
        self.end_search();
    }

    /// What an `error` is about did not happen.
    fn refused(&mut self, notice: Notice, changes: &mut Changes) {
        let is_too_fast = notice.code == Some(ErrorCode::RateLimited);
        let wait_ms = notice.retry_after_ms.filter(|_| is_too_fast);
        changes.rows = true;
        match self.questions.refused(notice.code.as_ref()) {
            // It is about pages alone, and the list says what becomes of them.
            Some(Question::Page) if wait_ms.is_some() => {
                if self.pager.put_off() {
                    changes.ask_again_ms = wait_ms;
                } else {
                    self.end_search();
                    changes.outbox = true;
                }
                return;
            }
            Some(Question::Page) => {
                self.page_failed();
                changes.outbox = true;
            }
            Some(Question::Text) => {
                // Only one that is too large is in nobody's way once it is out. Otherwise what was
                // to follow would be said before it, or be refused as well.
                let is_alone = notice.code == Some(ErrorCode::TooLarge);
                changes.returned = self.outbox.refuse(!is_alone);
                changes.outbox = true;
            }
            Some(Question::Rename(name)) => changes.refused_name = Some(name),
            None => {}
        }
        changes.notice = Some(notice);
    }
}
