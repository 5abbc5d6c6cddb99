//! Sends texts and renames.

use xmeet_shared::{ClientCommand, Nickname};

use super::{ClientCore, Effect, Now, PageEffect, StorageWrite};
use crate::room::outbox::LocalId;

impl ClientCore {
    /// Adds a text to the outbox, and sends it if no other text is in flight.
    pub(super) fn send_text(&mut self, text: &str, now: Now) {
        self.room.queue_text(text, now.wall_ms);
        self.notice = None;
        self.send_waiting(now);
    }

    /// Sends an unconfirmed text again.
    pub(super) fn send_again(&mut self, local: LocalId, now: Now) {
        self.room.send_again(local);
        self.send_waiting(now);
    }

    /// Moves an unsent text from the outbox to the message box.
    pub(super) fn take_back(&mut self, local: LocalId, now: Now) {
        if let Some(text) = self.room.take_back(local) {
            self.emit_page_effect(PageEffect::ReturnText(text));
        }
        self.send_waiting(now);
    }

    /// Asks the server for another nickname. Has no effect unless connected.
    pub(super) fn rename(&mut self, name: Nickname, now: Now) {
        if self.is_connected() {
            self.send(ClientCommand::ChangeName(name.clone()).to_string(), now);
            self.room.on_rename_sent(name);
            self.notice = None;
        }
    }

    /// Persists the outbox, and sends the next text if no text is in flight.
    ///
    /// The outbox with the text marked as sent is persisted before the text is sent. If the page
    /// closes in between, the next page searches the history for the text instead of sending it
    /// again.
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

    /// Writes the outbox to the browser's storage.
    fn persist_outbox(&mut self) {
        let entries = self.room.outbox().saved();
        self.emit(Effect::Persist(StorageWrite::Outbox(entries)));
    }
}
