//! Sends texts and renames.

use xmeet_shared::{ClientCommand, Nickname};

use super::{ClientCore, Effect, Now, PageEffect, StorageWrite};
use crate::room::outbox::LocalId;

impl ClientCore {
    pub(super) fn send_text(&mut self, text: &str, now: Now) {
        self.room.queue_text(text, now.wall_ms);
        self.notice = None;
        self.send_waiting(now);
    }

    pub(super) fn send_again(&mut self, local: LocalId, now: Now) {
        self.room.send_again(local);
        self.send_waiting(now);
    }

    pub(super) fn take_back(&mut self, local: LocalId, now: Now) {
        if let Some(text) = self.room.take_back(local) {
            self.emit_page_effect(PageEffect::ReturnText(text));
        }
        self.send_waiting(now);
    }

    pub(super) fn rename(&mut self, name: Nickname, now: Now) {
        if self.is_connected() {
            self.send(ClientCommand::ChangeName(name.clone()).to_string(), now);
            self.room.on_rename_sent(name);
            self.notice = None;
        }
    }

    /// Persists the outbox and sends the next text. The text is persisted as sent before it is sent,
    /// so that a page that closes in between never leads to a second sending.
    pub(super) fn send_waiting(&mut self, now: Now) {
        let mut is_persisted = false;
        while let Some(text) = self.room.take_next() {
            self.persist_outbox();
            is_persisted = true;
            self.send(text.to_string(), now);
        }
        if !is_persisted {
            self.persist_outbox();
        }
        self.redraw.rows = true;
    }

    fn persist_outbox(&mut self) {
        let entries = self.room.outbox().saved();
        self.emit(Effect::Persist(StorageWrite::Outbox(entries)));
    }
}
