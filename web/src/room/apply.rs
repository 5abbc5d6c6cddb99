//! Applies frames of the server to the room.

use std::sync::Arc;

use xmeet_shared::{Envelope, ErrorCode, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::log::{LineKind, Message};
use super::pending_requests::PendingRequest;
use super::{Changes, Notice, OWN_PIDS_MAX, Room, Stage};

/// The longest plausible transmission time of a frame. A longer one means that a clock was set.
const FRAME_DELAY_MS_MAX: i64 = 10_000;

impl Room {
    /// Applies a frame that arrived at `received_at` on this machine's clock. Returns the changes,
    /// and the reactions that the caller has to carry out.
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

    /// Estimates how far the server's clock is ahead, from the server's time `ts` in a frame.
    ///
    /// The transmission time of a frame makes the measured offset too small. So the greatest offset
    /// is the best estimate. An offset that is far smaller means that a clock was set.
    fn update_clock_offset(&mut self, ts: Option<UnixMillis>, received_at: UnixMillis) {
        let Some(ts) = ts else { return };
        let measured_ms = ts.saturating_sub(received_at);
        let is_better = match self.clock_offset_ms {
            None => true,
            Some(known_ms) => {
                let was_clock_set = known_ms.saturating_sub(measured_ms) > FRAME_DELAY_MS_MAX;
                measured_ms > known_ms || was_clock_set
            }
        };
        if is_better {
            self.clock_offset_ms = Some(measured_ms);
        }
    }

    /// Applies the first frame of a greeting, which has the own member id and the epoch.
    fn on_self_id(&mut self, pid: Pid, epoch: Option<String>) {
        if epoch != self.epoch {
            self.change_epoch(epoch);
        }
        self.stage = Stage::Greeting;
        self.pager.reset();
        self.search_position = None;
        self.pending_requests.clear();
        // The room remembers earlier own ids, because they mark own messages.
        if !self.is_me(&pid) {
            if self.own_pids.len() >= OWN_PIDS_MAX {
                self.own_pids.remove(0);
            }
            self.own_pids.push(pid.clone());
        }
        self.me = Some(pid);
    }

    /// Starts a new epoch. Its message ids are unrelated to those of the earlier epoch.
    fn change_epoch(&mut self, epoch: Option<String>) {
        if self.epoch.is_some() {
            self.log.clear();
            self.unread.reset();
        }
        let had_history = self.epoch.is_some() && !self.is_own_unstored;
        if had_history && epoch.is_some() {
            // A crash of the server's machine starts a new epoch, but the server may have stored
            // the text in flight before. Page 0 of the greeting then contains the text.
            self.outbox.search_from_start();
            self.has_other_epoch = true;
        } else if self.was_greeted {
            // Without a history, nobody can find out whether the server has the text in flight.
            self.outbox.mark_unconfirmed();
        }
        self.is_own_unstored = false;
        self.epoch = epoch;
    }

    /// Applies a live message. A message has no id if the server keeps no history, or if its author
    /// asked the server not to store it.
    fn on_text(&mut self, mut message: Message, changes: &mut Changes) {
        // 1. If another message with this id is held, the server's store was wiped or restored, and
        // the held messages are outdated.
        if let Some(id) = message.id
            && self.is_of_another_history(id, &message)
        {
            self.log.clear();
            self.unread.reset();
            // All messages before this one count as read.
            self.unread.on_greeting(id.saturating_sub(1));
        }
        let is_new = message.id.is_none_or(|id| self.log.get(id).is_none());
        let is_own = self.is_me(&message.from);

        // 2. An own text has come back: the request to send the text is answered, and the text
        // leaves the outbox.
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

        // 3. The message enters the log and the unread count.
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

    /// Returns whether the room holds a message with this id and another author or text.
    fn is_of_another_history(&self, id: MessageId, message: &Message) -> bool {
        match self.log.get(id) {
            Some(held) => held.from != message.from || held.text != message.text,
            None => false,
        }
    }

    /// Returns the name of an author: the `nickname` of the frame, or else the name in the member
    /// list, or else the pid.
    pub(super) fn name_of(&self, pid: &Pid, nickname: Option<&Nickname>) -> Arc<str> {
        if let Some(nickname) = nickname {
            nickname.as_str().into()
        } else if let Some(name) = self.members.name(pid) {
            name.clone()
        } else {
            pid.as_str().into()
        }
    }

    /// Applies an `error` frame, which answers a pending request.
    fn on_error(&mut self, notice: Notice, changes: &mut Changes) {
        let is_rate_limited = notice.code == Some(ErrorCode::RateLimited);
        let wait_ms = notice.retry_after_ms.filter(|_| is_rate_limited);
        changes.rows = true;
        match self.pending_requests.match_error(notice.code.as_ref()) {
            // The pager sends a rate-limited page request again after the wait. The list shows that
            // the page is loading, so the person needs no notice.
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
                // The waiting texts return together with the refused text. Otherwise they would be
                // sent before it, or be refused too. A text that is too large returns alone,
                // because the server accepts the waiting texts.
                changes.returned_text = if notice.code == Some(ErrorCode::TooLarge) {
                    self.outbox.take_refused()
                } else {
                    self.outbox.take_refused_and_waiting()
                };
                changes.outbox = true;
            }
            Some(PendingRequest::Rename(name)) => changes.refused_name = Some(name),
            None => {}
        }
        changes.notice = Some(notice);
    }
}
