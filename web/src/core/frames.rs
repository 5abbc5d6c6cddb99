//! Applies the server's frames to the room and reacts to the changes.

use xmeet_shared::{Envelope, Nickname, ServerMessage};

use super::{ClientCore, Effect, Now, PageEffect, StorageWrite};
use crate::connection::Input as MachineInput;
use crate::connection::transfer::UNANNOUNCED_GREETING_BYTES;
use crate::mentions::mentions;
use crate::room::Changes;
use crate::room::log::{Line, Message};

impl ClientCore {
    /// Handles a text frame of the server.
    pub(super) fn on_frame(&mut self, frame: &str, now: Now) {
        self.drive_machine(MachineInput::FrameReceived { bytes: frame.len() as u64 }, now);
        // The client ignores frames that it cannot parse. They belong to a later version of the
        // protocol.
        let Ok(envelope) = Envelope::parse(frame) else { return };
        if let Some(bytes) = announced_bytes(&envelope.message) {
            self.drive_machine(MachineInput::SizeAnnounced { bytes }, now);
        }
        let changes = self.room.apply(envelope, now.wall_ms);
        self.follow_up(changes, now);
    }

    /// Reacts to changes of the room: draws, announces, notifies, persists and sends.
    pub(super) fn follow_up(&mut self, changes: Changes, now: Now) {
        // 1. Show and announce what is new.
        self.redraw.rows |= changes.rows || changes.members;
        if let Some(line) = changes.line {
            self.announce_line(line);
        }
        if let Some(message) = changes.new_message {
            self.announcements.announce_message(message.clone());
            let is_mention = self.mentions_me(&message);
            self.notify(&message, is_mention, now);
        }
        if changes.members {
            self.redraw.people = true;
            self.persist_nickname();
        }

        // 2. Complete the greeting. The page that the room needs is requested before the page with
        // the first unread message, because the room expects the answers in this order.
        if changes.is_greeted {
            self.drive_machine(MachineInput::Greeted, now);
            let pids = self.room.own_pids().to_vec();
            self.emit(Effect::Persist(StorageWrite::Member(pids)));
        }
        if let Some(cursor) = changes.request {
            self.request_page(cursor, now);
        }
        if changes.is_greeted {
            self.open_at_first_unread(now);
        }

        // 3. Show the server's error, and return refused input to the person.
        if let Some(notice) = changes.notice {
            if let Some(wait_ms) = notice.retry_after_ms {
                self.start_pause(wait_ms, now);
            }
            self.notice = Some(notice);
        }
        if let Some(text) = changes.returned_text {
            self.emit_page_effect(PageEffect::ReturnText(text));
        }
        if let Some(name) = changes.refused_name {
            self.emit_page_effect(PageEffect::OpenRename(name));
        }

        // 4. Send the next requests.
        if let Some(wait_ms) = changes.retry_page_ms {
            self.schedule_page_retry(self.room.request_number(), wait_ms);
        }
        if changes.outbox {
            self.send_waiting(now);
        }
    }

    /// Announces a join, leave or rename to screen readers, unless it is hidden.
    fn announce_line(&mut self, line: std::sync::Arc<Line>) {
        if !(self.lines_hidden && line.is_join_or_leave()) {
            self.announcements.announce_line(line);
        }
    }

    /// Returns whether a message mentions the own nickname.
    fn mentions_me(&self, message: &Message) -> bool {
        match self.room.my_name() {
            Some(name) => mentions(&message.text, &name, self.room.people()),
            None => false,
        }
    }

    /// Persists the own nickname for the next connection, as the server has confirmed it.
    fn persist_nickname(&mut self) {
        let Some(name) = self.room.my_name() else { return };
        let name = Nickname::from_handshake(&name);
        if self.nickname != name || !self.is_nickname_kept {
            self.is_nickname_kept = true;
            self.nickname.clone_from(&name);
            self.emit(Effect::Persist(StorageWrite::Nickname(name)));
        }
    }
}

/// Returns how many bytes the server has announced to send next. If a greeting has no announcement,
/// returns the size of a large greeting.
fn announced_bytes(message: &ServerMessage) -> Option<u64> {
    match message {
        ServerMessage::SelfId { greeting_bytes, .. } => {
            Some(greeting_bytes.unwrap_or(UNANNOUNCED_GREETING_BYTES))
        }
        ServerMessage::Ping { next_bytes } => *next_bytes,
        _ => None,
    }
}
