//! Applies the server's frames to the room and reacts to the changes.

use xmeet_shared::{Envelope, Nickname, ServerMessage};

use super::{ClientCore, Effect, Now, PageEffect, StorageWrite};
use crate::connection::Input as MachineInput;
use crate::connection::transfer::UNANNOUNCED_GREETING_BYTES;
use crate::mentions::mentions;
use crate::room::Changes;
use crate::room::log::{Line, Message};

impl ClientCore {
    pub(super) fn on_frame(&mut self, frame: &str, now: Now) {
        self.drive_machine(MachineInput::FrameReceived { bytes: frame.len() as u64 }, now);
        // A frame that does not parse belongs to a later version of the protocol.
        let Ok(envelope) = Envelope::parse(frame) else { return };
        if let Some(bytes) = announced_bytes(&envelope.message) {
            self.drive_machine(MachineInput::SizeAnnounced { bytes }, now);
        }
        let changes = self.room.apply(envelope, now.wall_ms);
        self.follow_up(changes, now);
    }

    /// Reacts to changes of the room.
    pub(super) fn follow_up(&mut self, changes: Changes, now: Now) {
        let Changes { rows, members, outbox, line, new_message, is_greeted, notice, .. } = changes;
        let Changes { returned_text, refused_name, request, retry_page_ms, .. } = changes;
        self.redraw.rows |= rows || members;
        if let Some(line) = line {
            self.announce_line(line);
        }
        if let Some(message) = new_message {
            self.announcements.announce_message(message.clone());
            let is_mention = self.mentions_me(&message);
            self.notify(&message, is_mention, now);
        }
        if members {
            self.redraw.people = true;
            self.persist_nickname();
        }
        if is_greeted {
            self.drive_machine(MachineInput::Greeted, now);
            let pids = self.room.own_pids().to_vec();
            self.emit(Effect::Persist(StorageWrite::Member(pids)));
        }
        // Requests must be sent in the order in which the room expects their answers.
        if let Some(cursor) = request {
            self.request_page(cursor, now);
        }
        if is_greeted {
            self.open_at_first_unread(now);
        }
        if let Some(notice) = notice {
            if let Some(wait_ms) = notice.retry_after_ms {
                self.start_pause(wait_ms, now);
            }
            self.notice = Some(notice);
        }
        if let Some(text) = returned_text {
            self.emit_page_effect(PageEffect::ReturnText(text));
        }
        if let Some(name) = refused_name {
            self.emit_page_effect(PageEffect::OpenRename(name));
        }
        if let Some(wait_ms) = retry_page_ms {
            self.schedule_page_retry(self.room.request_number(), wait_ms);
        }
        if outbox {
            self.send_waiting(now);
        }
    }

    fn announce_line(&mut self, line: std::sync::Arc<Line>) {
        if !(self.lines_hidden && line.is_join_or_leave()) {
            self.announcements.announce_line(line);
        }
    }

    fn mentions_me(&self, message: &Message) -> bool {
        let name = self.room.my_name();
        name.is_some_and(|name| mentions(&message.text, &name, self.room.people()))
    }

    /// Persists the own nickname as the server knows it, for the next connection.
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

/// Returns how many bytes the server has announced. The greeting of a server that announces nothing
/// counts as a large one.
fn announced_bytes(message: &ServerMessage) -> Option<u64> {
    match message {
        ServerMessage::SelfId { greeting_bytes, .. } => {
            Some(greeting_bytes.unwrap_or(UNANNOUNCED_GREETING_BYTES))
        }
        ServerMessage::Ping { next_bytes } => *next_bytes,
        _ => None,
    }
}
