//! The task that drives one room: takes inputs, gives them to the room, does what it asks for.
//! It never waits for a socket or, once it is open, for the disk.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use xmeet_shared::{CloseCode, ErrorCode, MessageId, Pid, RoomId, ServerMessage};

use super::encode::Encoder;
use super::{Envoy, Hub, ROOM_ENDED};
use crate::history::{Answer, HistoryError};
use crate::room::{Audience, Effect, Event, Input, MemberKey, Room};
use crate::ws::outbox::{Ending, Frame, Outbox};

/// What a client is closed with when its page could not even be refused.
const PAGE_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the page could not be made: come back" };

/// One room's task.
pub(super) struct RoomTask {
    hub: Arc<Hub>,
    id: RoomId,
    kept_max: u64,
    encoder: Encoder,
    members: Members,
    /// The store's answer that the room waits for.
    appending: Option<Answer<MessageId>>,
}

/// Where members' frames go. Members are told to come back when this is dropped with them in it.
#[derive(Default)]
struct Members {
    greeted: HashMap<MemberKey, Arc<Outbox>>,
    /// Came in, and wait for their place in the order.
    coming: HashMap<MemberKey, Arc<Outbox>>,
}

impl Drop for Members {
    fn drop(&mut self) {
        for outbox in self.greeted.values().chain(self.coming.values()) {
            outbox.end(ROOM_ENDED);
        }
    }
}

impl RoomTask {
    pub(super) fn new(hub: &Arc<Hub>, id: RoomId, kept_max: u64) -> Self {
        let encoder = Encoder::new(id.clone(), hub.clock.clone());
        let members = Members::default();
        Self { hub: Arc::clone(hub), id, kept_max, encoder, members, appending: None }
    }

    /// Runs until the room has nobody and nothing to do.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Envoy>) {
        let mut room = match self.hub.history.load(&self.id).await {
            Ok(stored) => Room::new(stored, self.kept_max),
            Err(error) => {
                tracing::error!(%error, "a room could not be opened");
                return self.turn_away(&mut inbox, &error);
            }
        };
        let mut effects = Vec::new();
        // Whoever comes first may be gone already; the first input is what opened the room.
        loop {
            let input = tokio::select! {
                answer = answer_of(&mut self.appending) => {
                    self.appending = None;
                    Some(match answer {
                        Ok(first) => Input::Appended { first },
                        Err(_) => Input::AppendFailed,
                    })
                }
                Some(envoy) = inbox.recv(), if !room.is_full() => self.receive(envoy),
            };
            if let Some(input) = input {
                room.handle(input, self.encoder.now(), &mut effects);
            }
            for effect in effects.drain(..) {
                self.carry_out(effect);
            }
            if room.is_idle() && self.hub.retire(&self.id, &inbox) {
                // Whoever found the room's address before it was taken out tries again.
                inbox.close();
                while inbox.try_recv().is_ok() {}
                return;
            }
        }
    }

    /// Answers everybody who wanted to come into a room that cannot be opened.
    fn turn_away(&self, inbox: &mut mpsc::Receiver<Envoy>, error: &HistoryError) {
        while !self.hub.retire(&self.id, inbox) {
            while let Ok(envoy) = inbox.try_recv() {
                if let Envoy::Enter { entered, .. } = envoy {
                    let _ = entered.send(Err(error.clone()));
                }
            }
        }
    }

    fn receive(&mut self, envoy: Envoy) -> Option<Input> {
        match envoy {
            Envoy::Do(input) => Some(input),
            Envoy::Enter { nickname, outbox, entered } => {
                let (member, pid) = self.hub.next_member();
                // A session that is gone already would never say that it leaves.
                entered.send(Ok(member)).ok()?;
                self.members.coming.insert(member, outbox);
                Some(Input::Join { member, pid, nickname })
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(messages) => {
                self.appending = Some(self.hub.history.append(&self.id, messages));
            }
            Effect::Greet { member, pid, snapshot } => {
                if let Some(outbox) = self.members.coming.remove(&member) {
                    outbox.push_greeting(self.encoder.greeting(&pid, snapshot));
                    self.members.greeted.insert(member, outbox);
                }
            }
            Effect::Part { member } => {
                self.members.greeted.remove(&member);
            }
            Effect::Tell { to, event } => self.tell(to, event),
            Effect::Page { member, pid, messages } => {
                if let Some(outbox) = self.members.greeted.get(&member) {
                    outbox.push_page(self.encoder.page(pid, &messages));
                }
            }
            Effect::ReadPage { member, pid, ids } => {
                if let Some(outbox) = self.members.greeted.get(&member) {
                    self.read_page(Arc::clone(outbox), pid, ids);
                }
            }
        }
    }

    /// Reads a page aside. Ids do not shift, so it is the same page however late it is read.
    fn read_page(&self, outbox: Arc<Outbox>, pid: Pid, ids: RangeInclusive<MessageId>) {
        let page = self.hub.history.read(&self.id, ids);
        let encoder = self.encoder.clone();
        self.hub.tasks.spawn(async move {
            let answer = async {
                match page.await {
                    Ok(messages) => encoder.page(pid, &messages),
                    Err(error) => {
                        tracing::error!(%error, "a page could not be read");
                        let words = "the page could not be read".to_owned();
                        let code = Some(ErrorCode::Storage);
                        let message = ServerMessage::Error { words, code, retry_after_ms: None };
                        encoder.frame(pid, message, encoder.now())
                    }
                }
            };
            match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(frame) => outbox.push_page(frame),
                Err(_) => outbox.end(PAGE_PANICKED),
            }
        });
    }

    fn tell(&self, to: Audience, event: Event) {
        let frame = self.encoder.event(event);
        match to {
            Audience::One(member) => self.send(member, frame),
            Audience::All => {
                for outbox in self.members.greeted.values() {
                    outbox.push(frame.clone());
                }
            }
        }
    }

    fn send(&self, member: MemberKey, frame: Frame) {
        if let Some(outbox) = self.members.greeted.get(&member) {
            outbox.push(frame);
        }
    }
}

/// Waits for the store's answer; for ever when none is due.
async fn answer_of(appending: &mut Option<Answer<MessageId>>) -> Result<MessageId, HistoryError> {
    match appending {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}
