//! What the reader has seen, and notifications for a person who does not look.

use xmeet_shared::MessageId;

use super::{ClientCore, Effect, Notification, Now, PageEffect, ReadMark, StorageWrite, Timer};
use crate::call_election::{CallElection, CallKey, OBJECTION_MS};
use crate::connection::Millis;
use crate::room::burst::{Burst, excerpt};
use crate::room::log::Message;
use crate::room::unread::{FirstUnread, Unread};

/// How long the read mark is not written again after a write.
const READ_MARK_MS: Millis = 500;

/// When the person is notified.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) burst: Burst,
    pub(super) election: CallElection,
    /// Notifications that other tabs may object to.
    pub(super) waiting: Vec<(CallKey, Notification)>,
    pub(super) has_channel: bool,
    pub(super) notify: bool,
    pub(super) sound: bool,
}

impl ClientCore {
    /// After a greeting: leads to the first message that was not read, if there is one.
    pub(super) fn find_unread(&mut self, now: Now) {
        let is_opening = self.room.unread().is_opening();
        match self.room.unread().line().filter(|_| is_opening) {
            Some(FirstUnread::Id(line)) => self.go_to(line, now),
            Some(FirstUnread::Arrival(_)) | None => self.stop_seeking(),
        }
    }

    /// What the list is on its way to does not exist.
    pub(super) fn stop_seeking(&mut self) {
        self.going_to = None;
        self.page(PageEffect::StopAiming);
        if self.room.unread().is_opening() {
            Unread::opened(self.room.unread_mut());
        }
    }

    /// Persists how far the room was read, at most twice a second.
    pub(super) fn save_read_mark(&mut self) {
        let Some(id) = self.room.unread().read_up_to() else { return };
        let epoch = self.room.epoch();
        let is_saved = |mark: &ReadMark| mark.id == id && mark.epoch.as_deref() == epoch;
        if self.is_mark_recent || self.saved_mark.as_ref().is_some_and(is_saved) {
            return;
        }
        let mark = ReadMark { id, epoch: epoch.map(str::to_owned) };
        self.saved_mark = Some(mark.clone());
        self.is_mark_recent = true;
        self.emit(Effect::Persist(StorageWrite::ReadMark(mark)));
        self.emit(Effect::SetTimer { timer: Timer::ReadMark, after_ms: READ_MARK_MS });
    }

    /// Notifies a person who does not look, unless another tab does.
    pub(super) fn call(&mut self, message: &Message, is_mention: bool, now: Now) {
        let (is_shown, has_sound) = (self.calls.notify, self.calls.sound);
        if !(is_shown || has_sound)
            || self.room.unread().is_attended()
            || !self.calls.burst.calls(now.elapsed_ms, is_mention)
        {
            return;
        }
        let title = format!("{} · {}", message.name, self.room_id);
        let body = excerpt(&message.text);
        let notification = Notification { title, body, is_shown, has_sound };
        let key = message.id.and_then(key_of).unwrap_or(message.at);
        let proposal = self.calls.election.propose(key);
        if self.calls.has_channel {
            self.calls.waiting.push((key, notification));
            self.emit(Effect::PostToTabs(proposal));
            let after_ms = Millis::from(OBJECTION_MS);
            self.emit(Effect::SetTimer { timer: Timer::Objections(key), after_ms });
        } else {
            self.page(PageEffect::Notify(notification));
        }
    }

    /// Other tabs had time to object.
    pub(super) fn decide_call(&mut self, key: CallKey) {
        let is_it = |(waiting, _): &(CallKey, Notification)| *waiting == key;
        let Some(place) = self.calls.waiting.iter().position(is_it) else { return };
        let (_, notification) = self.calls.waiting.remove(place);
        if self.calls.election.decide(key) && !self.room.unread().is_attended() {
            self.page(PageEffect::Notify(notification));
        }
    }

    pub(super) fn tab_message(&mut self, message: &str) {
        let is_attended = self.room.unread().is_attended();
        if let Some(answer) = self.calls.election.hear(message, is_attended) {
            self.emit(Effect::PostToTabs(answer));
        }
    }
}

fn key_of(id: MessageId) -> Option<CallKey> {
    CallKey::try_from(id).ok()
}
