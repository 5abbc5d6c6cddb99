//! The harness of the orchestration tests.

use xmeet_shared::{ErrorCode, ServerMessage};

use super::NOW;
use crate::connection::Millis;
use crate::core::{ClientCore, Effect, Input, Now, PageEffect, Setup, StorageWrite, Timer};
use crate::room::Notice;
use crate::room::outbox::SavedEntry;
use crate::room::tests::{frame, members, page, pid};

/// A client core with a settable time. It collects the effects.
pub(super) struct Client {
    pub(super) core: ClientCore,
    pub(super) now: Now,
    pub(super) effects: Vec<Effect>,
}

impl Client {
    pub(super) fn new(setup: Setup) -> Self {
        let mut client = Self { core: ClientCore::new(setup, NOW), now: NOW, effects: Vec::new() };
        client.input(Input::Start);
        client
    }

    /// Returns a client that was greeted as `me` together with `b`, with messages 71 to 120.
    pub(super) fn greeted(setup: Setup) -> Self {
        let mut client = Self::new(setup);
        client.greet(page(71..=120));
        client.input(Input::Drawn { has_goal: false });
        client.effects.clear();
        client
    }

    /// Gives the client a greeting as `me` together with `b`, with `page` as page 0.
    pub(super) fn greet(&mut self, page: Vec<xmeet_shared::Record>) {
        let epoch = Some("e".to_owned());
        let self_id = ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: Some(1) };
        for message in [self_id, members(&["b", "me"]), ServerMessage::History(page)] {
            self.receive("me", message);
        }
    }

    /// Handles an input and returns its effects without the redraws.
    pub(super) fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = self.core.handle(input, self.now);
        effects.retain(|effect| !matches!(effect, Effect::Page(PageEffect::Redraw(_))));
        self.effects.extend(effects.clone());
        effects
    }

    /// Handles a frame of the server by member `from`, and returns the effects.
    pub(super) fn receive(&mut self, from: &str, message: ServerMessage) -> Vec<Effect> {
        self.input(Input::Frame(frame(from, message).encode()))
    }

    /// Handles an `error` frame of the server, and returns the effects.
    pub(super) fn refuse(&mut self, code: ErrorCode, retry_after_ms: Option<u64>) -> Vec<Effect> {
        let code = Some(code);
        self.receive("me", ServerMessage::Error { words: String::new(), code, retry_after_ms })
    }

    /// Advances the clocks without an input.
    pub(super) fn wait(&mut self, ms: Millis) {
        self.now.elapsed_ms += ms;
        self.now.wall_ms += ms;
    }

    /// Advances the clocks by a second, and handles a tick.
    pub(super) fn tick(&mut self) -> Vec<Effect> {
        self.wait(1_000);
        self.input(Input::Tick { buffered_bytes: 0 })
    }
}

pub(super) fn text_input(text: &str) -> Input {
    Input::SendText(text.to_owned())
}

pub(super) fn send_effect(frame: &str) -> Effect {
    Effect::Send(frame.to_owned())
}

pub(super) fn timer_effect(timer: Timer, after_ms: Millis) -> Effect {
    Effect::SetTimer { timer, after_ms }
}

/// Returns the entries of an effect that persists the outbox. Returns `None` for other effects.
pub(super) fn saved_entries(effect: &Effect) -> Option<&[SavedEntry]> {
    match effect {
        Effect::Persist(StorageWrite::Outbox(entries)) => Some(entries),
        _ => None,
    }
}

pub(super) fn notice(code: ErrorCode, retry_after_ms: Option<u64>) -> Option<Notice> {
    Some(Notice { code: Some(code), words: String::new(), retry_after_ms })
}
