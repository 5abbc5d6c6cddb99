//! Applies frames of the server to the room.

use std::sync::Arc;

use xmeet_shared::{Envelope, ErrorCode, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::log::{LineKind, Message};
use super::pending_requests::PendingRequest;
use super::{Changes, Notice, OWN_PIDS_MAX, Room, Stage};

/// A frame that seems to have been in flight for longer shows that a clock was set.
const FRAME_DELAY_MS_MAX: i64 = 10_000;

impl Room {
    /// Applies a frame that arrived at `received_at` on this machine's clock.
    pub fn apply(&mut self, envelope: Envelope, received_at: UnixMillis) -> Changes {
        let Envelope { from, message, ts, .. } = envelope;
        let at = ts.unwrap_or(received_at);
        self.update_clock_offset(ts, received_at);
        let mut changes = Changes::default();
        match message {
            ServerMessage::SelfId { pid, epoch, .. } => self.on_self_id(pid, epoch),
            ServerMessage::MemberCount(_) | ServerMessage::Ping { .. } => {}
            ServerMessage::Members(members) => {
                self.members.replace(&members);
                // Rows of pending texts show the own name.
                changes.rows = true;
                changes.members = true;
            }
            ServerMessage::History(records) => self.on_history_page(&records, at, &mut changes),
            ServerMessage::Join(name) => {
                self.members.join(&from, name.as_str());
                let line = self.log.push_line(from, name.as_str().into(), LineKind::Join, at);
                changes.line = Some(line);
                changes.members = true;
                changes.rows = true;
            }
            ServerMessage::Leave => {
                if let Some(person) = self.members.leave(&from) {
                    changes.line = Some(self.log.push_line(from, person.name, LineKind::Leave, at));
                    changes.members = true;
                    changes.rows = true;
                }
            }
            ServerMessage::ChangeName(name) => {
                if self.is_me(&from) {
                    self.pending_requests.take_first(PendingRequest::is_rename);
                }
                if let Some(old) = self.members.rename(&from, name.as_str()) {
                    let kind = LineKind::Rename(name.as_str().into());
                    changes.line = Some(self.log.push_line(from, old, kind, at));
                    changes.members = true;
                    changes.rows = true;
                }
            }
            ServerMessage::Normal { text, id, nickname } => {
                let name = self.name_of(&from, nickname.as_ref());
                let message = Message { id, from, name, text: text.into(), at, local: None };
                self.on_text(message, &mut changes);
            }
            ServerMessage::Error { words, code, retry_after_ms } => {
                self.on_error(Notice { code, words, retry_after_ms }, &mut changes);
            }
        }
        changes
    }

    /// Estimates from a frame how far the server's clock is ahead. Transmission time makes the
    /// difference smaller, so the greatest difference is the best estimate until a clock is set.
    fn update_clock_offset(&mut self, ts: Option<UnixMillis>, received_at: UnixMillis) {
        let Some(offset_ms) = ts.map(|ts| ts.saturating_sub(received_at)) else { return };
        let is_better =
            |known: i64| offset_ms > known || known.saturating_sub(offset_ms) > FRAME_DELAY_MS_MAX;
        if self.clock_offset_ms.is_none_or(is_better) {
            self.clock_offset_ms = Some(offset_ms);
        }
    }

    fn on_self_id(&mut self, pid: Pid, epoch: Option<String>) {
        if epoch != self.epoch {
            self.change_epoch(epoch);
        }
        self.stage = Stage::Greeting;
        self.pager.reset();
        self.searched_to = None;
        self.pending_requests.clear();
        if !self.is_me(&pid) {
            if self.own_pids.len() >= OWN_PIDS_MAX {
                self.own_pids.remove(0);
            }
            self.own_pids.push(pid.clone());
        }
        self.me = Some(pid);
    }

    /// Starts a new epoch, whose message ids are unrelated to the earlier ones.
    fn change_epoch(&mut self, epoch: Option<String>) {
        if self.epoch.is_some() {
            self.log.clear();
            self.unread.reset();
        }
        let had_history = self.epoch.is_some() && !self.is_own_unstored;
        if had_history && epoch.is_some() {
            // After a crash of the server's machine, the new epoch may still have the text in flight.
            // Page 0 of the greeting shows it.
            self.outbox.search_from_start();
            self.has_other_epoch = true;
        } else if self.was_greeted {
            // A server without history cannot be searched for the text.
            self.outbox.mark_unconfirmed();
        }
        self.is_own_unstored = false;
        self.epoch = epoch;
    }

    /// Applies a live message. A message has no id if the server keeps no history, or if its author
    /// asked for it not to be stored.
    fn on_text(&mut self, mut message: Message, changes: &mut Changes) {
        if message.id.is_some_and(|id| self.is_of_another_history(id, &message)) {
            self.log.clear();
            self.unread.reset();
            self.unread.greeted(message.id.unwrap_or(0).saturating_sub(1));
        }
        let is_new = message.id.is_none_or(|id| self.log.get(id).is_none());
        let is_own = self.is_me(&message.from);
        if self.me.as_ref() == Some(&message.from) {
            self.pending_requests.take_first(PendingRequest::is_text);
        }
        if is_new && is_own {
            message.local = self.outbox.confirm(&message.from, &message.text);
        }
        if message.local.is_some() {
            self.is_own_unstored = message.id.is_none();
            changes.outbox = true;
            self.stop_search_if_done();
        }
        if is_new && !is_own {
            changes.new_message = Some(Arc::new(message.clone()));
        }
        match message.id {
            Some(id) => {
                if is_new {
                    self.unread.on_message(id, is_own);
                }
                changes.rows |= self.log.insert_live(message);
            }
            None => {
                let (after, arrival) = self.log.push_unstored(message);
                self.unread.on_unstored_message(after, arrival, is_own);
                changes.rows = true;
            }
        }
    }

    /// Returns whether another message is held under the id of a live message.
    fn is_of_another_history(&self, id: MessageId, message: &Message) -> bool {
        let held = self.log.get(id);
        held.is_some_and(|held| held.from != message.from || held.text != message.text)
    }

    /// Returns the name of an author: from the frame, else from the member list, else the pid.
    pub(super) fn name_of(&self, pid: &Pid, nickname: Option<&Nickname>) -> Arc<str> {
        match (nickname, self.members.name(pid)) {
            (Some(name), _) => name.as_str().into(),
            (None, Some(name)) => name.clone(),
            (None, None) => pid.as_str().into(),
        }
    }

    /// Applies an `error`, which answers a pending request.
    fn on_error(&mut self, notice: Notice, changes: &mut Changes) {
        let is_rate_limited = notice.code == Some(ErrorCode::RateLimited);
        let wait_ms = notice.retry_after_ms.filter(|_| is_rate_limited);
        changes.rows = true;
        match self.pending_requests.match_error(notice.code.as_ref()) {
            // The list shows the state of pages, so a notice is not needed.
            Some(PendingRequest::Page) if wait_ms.is_some() => {
                if self.pager.defer() {
                    changes.retry_page_ms = wait_ms;
                } else {
                    self.give_up_search();
                    changes.outbox = true;
                }
                return;
            }
            Some(PendingRequest::Page) => {
                self.pager.fail();
                self.give_up_search();
                changes.outbox = true;
            }
            Some(PendingRequest::Text) => {
                // The texts behind a refused one return with it, because they would otherwise be
                // sent before it or be refused too. The texts behind one that is too large can be
                // sent.
                let is_alone = notice.code == Some(ErrorCode::TooLarge);
                changes.returned_text = self.outbox.take_refused(!is_alone);
                changes.outbox = true;
            }
            Some(PendingRequest::Rename(name)) => changes.refused_name = Some(name),
            None => {}
        }
        changes.notice = Some(notice);
    }
}
