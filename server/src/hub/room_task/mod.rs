//! The task that drives one room: takes what waits for the room, gives it to the room, does what
//! the room asks for. It never waits for a socket or, once the room is open, for the disk, but where
//! it greets somebody with a page too large to be held in memory.

mod doors;

use std::mem;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use xmeet_shared::{CloseCode, MessageId, Pid, RoomId};

use super::coming::Coming;
use super::encode::{Encoder, addressed};
use super::fanout::Fanout;
use super::greeting::Greeter;
use super::pages;
use super::resumption::Resumption;
use super::section::Answer;
use super::{Envoy, Hub, Letter, PageRead};
use crate::history::{self, HistoryError};
use crate::metrics::{Held, READ_ROOM, ResumeOutcome};
use crate::room::{Audience, Effect, Event, Input, Kept, MemberKey, Room, Stored};
use crate::ws::outbox::Ending;

/// Inputs that the room takes in a row before it does what they ask for.
const ROUND_INPUTS_MAX: usize = 512;

/// What a client is closed with when its page could not even be refused.
const PAGE_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the page could not be made: come back" };

/// One room's task.
pub(super) struct RoomTask {
    hub: Arc<Hub>,
    id: RoomId,
    /// The way to this very task.
    address: mpsc::WeakSender<Letter>,
    encoder: Encoder,
    greeter: Greeter,
    resumption: Resumption,
    coming: Coming,
    fanout: Fanout,
    /// Frames of this round for everybody, and how many they are.
    batch: BytesMut,
    batch_frames: u64,
    /// Pages that were read aside, to be sent behind what has happened so far.
    pages: Vec<PageRead>,
    /// Members to be let go behind what has happened so far. All do so at once, when the server
    /// ends: in their places among what happens they would cut every batch short.
    finishing: Vec<MemberKey>,
    /// The store's answer that the room waits for.
    appending: Option<history::Answer<MessageId>>,
    /// This room and its members, as they are counted.
    _room: Held,
    members: Held,
}

impl RoomTask {
    pub(super) fn new(hub: &Arc<Hub>, id: RoomId, address: mpsc::WeakSender<Letter>) -> Self {
        Self {
            hub: Arc::clone(hub),
            encoder: Encoder::new(id.clone(), hub.clock.clone(), hub.memory()),
            id,
            address,
            greeter: Greeter::default(),
            resumption: Resumption::new(hub.settings.resume_grace),
            coming: Coming::default(),
            fanout: Fanout::new(hub.tasks.clone()),
            batch: BytesMut::new(),
            batch_frames: 0,
            pages: Vec::new(),
            finishing: Vec::new(),
            appending: None,
            _room: Held::one(&hub.metrics().rooms.rooms),
            members: Held::none(&hub.metrics().rooms.members),
        }
    }

    /// Runs until the room has nobody and nothing to do.
    pub(super) async fn run(&mut self, mut inbox: mpsc::Receiver<Letter>) {
        let kept_max = self.hub.settings.history_kept_messages;
        let kept_for = self.hub.settings.history_kept_for;
        let age_ms_max = kept_for.map(|age| age.as_millis().try_into().unwrap_or(i64::MAX));
        let stored = match kept_max {
            0 => Ok(Stored::default()),
            _ => {
                let load = self.hub.history.load(&self.id);
                self.hub.metrics().store.timed(READ_ROOM, load).await
            }
        };
        let mut room = match stored {
            Ok(stored) => Room::new(stored, kept_max).forgetting_after(age_ms_max),
            Err(error) => {
                tracing::error!(%error, "a room could not be opened");
                return self.turn_away(&mut inbox, &error);
            }
        };
        let mut effects = Vec::new();
        // Whoever comes first may be gone already; the first input is what opened the room.
        loop {
            self.round(&mut room, &mut inbox, &mut effects).await;
            room.settle(&mut effects);
            for effect in effects.drain(..) {
                if let Effect::Tell { to: Audience::All, event } = effect {
                    self.put(event);
                } else {
                    // In memory of its own: there are many rooms, and most of them are quiet.
                    Box::pin(self.carry_out(effect)).await;
                }
            }
            self.flush().await;
            self.members.set(room.members());
            if !self.pages.is_empty() {
                Box::pin(self.send_pages()).await;
            }
            if !self.finishing.is_empty() {
                Box::pin(self.let_go()).await;
            }
            if room.is_idle() && self.hub.retire(&self.id, &inbox) {
                // Whoever found the room's address before it was taken out tries again.
                inbox.close();
                while inbox.try_recv().is_ok() {}
                return;
            }
        }
    }

    /// Waits for something to happen, and takes everything that has happened by then.
    async fn round(
        &mut self,
        room: &mut Room,
        inbox: &mut mpsc::Receiver<Letter>,
        effects: &mut Vec<Effect>,
    ) {
        let deadline = self.resumption.deadline();
        tokio::select! {
            biased;
            answer = answer_of(&mut self.appending) => {
                self.appending = None;
                let input = match answer {
                    Ok(first) => Input::Appended { first },
                    Err(_) => Input::AppendFailed,
                };
                room.handle(input, self.encoder.now(), effects);
            }
            Some(letter) = inbox.recv(), if !room.is_full() => {
                if self.fanout.is_large() {
                    // Writing to so many costs far more than this: whatever else has come for
                    // the room by now is read first, and goes out with it.
                    yield_now().await;
                }
                self.receive(*letter, room, effects);
            }
            () = until(deadline) => {
                while let Some(member) = self.resumption.expired(Instant::now()) {
                    self.hub.metrics().rooms.resumed(ResumeOutcome::Expired);
                    room.handle(Input::Leave { member }, self.encoder.now(), effects);
                }
            }
        }
        for _ in 1..ROUND_INPUTS_MAX {
            if room.is_full() {
                return;
            }
            let Ok(letter) = inbox.try_recv() else { return };
            self.receive(*letter, room, effects);
        }
    }

    fn receive(&mut self, envoy: Envoy, room: &mut Room, effects: &mut Vec<Effect>) {
        let now = self.encoder.now();
        match envoy {
            Envoy::Do(input) => room.handle(input, now, effects),
            Envoy::Enter(newcomer) => {
                if let Some(input) = self.let_in(newcomer, room.member_count()) {
                    room.handle(input, now, effects);
                }
            }
            Envoy::Part { member, departure, pace } => {
                for input in self.part(member, departure, pace).into_iter().flatten() {
                    room.handle(input, now, effects);
                }
            }
            Envoy::PageRead(page) => self.pages.push(page),
            Envoy::GiveUp => {
                while let Some(member) = self.resumption.give_up() {
                    room.handle(Input::Leave { member }, now, effects);
                }
            }
        }
    }

    async fn let_go(&mut self) {
        for member in mem::take(&mut self.finishing) {
            self.fanout.answer(member, Answer::Nothing).await;
            self.fanout.unseat(member).await;
        }
    }

    async fn send_pages(&mut self) {
        for PageRead { member, outbox, pieces } in mem::take(&mut self.pages) {
            // The member may be back on another connection, which has asked for nothing.
            if self.fanout.outbox(member).is_some_and(|here| Arc::ptr_eq(here, &outbox)) {
                self.answer(member, Answer::Awaited(pieces)).await;
            }
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(messages) => {
                self.appending = Some(self.hub.history.append(&self.id, messages));
            }
            Effect::Greet { members, snapshot } => self.greet(members, snapshot).await,
            // Its connection is over and takes nothing more: what waits for everybody goes on
            // waiting, so that a crowd that goes at once is told of in one batch.
            Effect::Part { member } => self.fanout.unseat(member).await,
            Effect::Tell { to: Audience::All, event } => self.put(event),
            Effect::Tell { to: Audience::One(member), event } => {
                self.tell(member, event, Answer::Frame).await;
            }
            Effect::Tell { to: Audience::Waiting(member), event } => {
                self.tell(member, event, |frame| Answer::Awaited(vec![frame])).await;
            }
            Effect::Page { member, pid, messages } => {
                self.flush().await;
                let pieces = self.newest_page(&pid, &messages).await;
                self.answer(member, Answer::Awaited(pieces)).await;
            }
            Effect::ReadPage { member, pid, ids } => self.read_page(member, pid, ids),
            Effect::Reached { member } => {
                if let Some(outbox) = self.fanout.outbox(member) {
                    outbox.reach_mark();
                }
            }
            Effect::Finish { member } => self.finishing.push(member),
        }
    }

    /// Sends what has happened so far in this round to those who are here.
    async fn flush(&mut self) {
        if !self.batch.is_empty() {
            // Taken whole, so that an idle room holds none of it.
            let batch = self.encoder.hold(mem::take(&mut self.batch));
            let frames = mem::take(&mut self.batch_frames);
            // Once for all of them.
            let receivers = self.fanout.len() as u64;
            let bytes = batch.len() as u64;
            self.hub.metrics().traffic.sent(frames * receivers, bytes * receivers);
            self.fanout.deliver(batch).await;
        }
    }

    /// Puts an event behind those of this round that everybody is told.
    fn put(&mut self, event: Event) {
        self.encoder.put_event(&mut self.batch, event);
        self.batch_frames += 1;
    }

    /// Tells one member of an event.
    async fn tell(&mut self, member: MemberKey, event: Event, answer: fn(Bytes) -> Answer) {
        self.flush().await;
        let Event { from, message, ts } = event;
        let frame = self.encoder.frame(from, message, ts);
        self.answer(member, answer(frame)).await;
    }

    async fn answer(&mut self, member: MemberKey, answer: Answer) {
        let bytes = match &answer {
            Answer::Frame(frame) => frame.len(),
            Answer::Awaited(pieces) => pieces.iter().map(Bytes::len).sum(),
            Answer::Nothing => return self.fanout.answer(member, answer).await,
        };
        self.hub.metrics().traffic.sent(1, bytes as u64);
        self.fanout.answer(member, answer).await;
    }

    /// A page that the room has at hand. What greetings have in common is in it too.
    async fn newest_page(&mut self, pid: &Pid, messages: &[Kept]) -> Vec<Bytes> {
        if messages.is_empty() {
            return self.encoder.page(pid, messages).await;
        }
        let ts = self.encoder.now();
        let page = self.greeter.page(messages, ts, &mut self.encoder).await;
        addressed(pid, &page).into()
    }

    /// Reads a page aside. Ids do not shift, so it is the same page however late it is read.
    fn read_page(&self, member: MemberKey, pid: Pid, ids: RangeInclusive<MessageId>) {
        let Some(outbox) = self.fanout.outbox(member).map(Arc::clone) else { return };
        let (hub, room) = (Arc::clone(&self.hub), self.id.clone());
        let encoder = self.encoder.aside();
        let address = self.address.clone();
        self.hub.tasks.spawn(async move {
            let work = AssertUnwindSafe(pages::read(&hub, &room, ids, (&pid, &outbox), encoder));
            let pieces = match work.catch_unwind().await {
                Ok(Some(pieces)) => pieces,
                Ok(None) => return,
                Err(_) => return outbox.end(PAGE_PANICKED),
            };
            // A room that is gone has no member who waits for it.
            if let Some(room) = address.upgrade() {
                let page = PageRead { member, outbox, pieces };
                let _ = room.send(Box::new(Envoy::PageRead(page))).await;
            }
        });
    }
}

/// Waits for the store's answer; for ever when none is due.
async fn answer_of(
    appending: &mut Option<history::Answer<MessageId>>,
) -> Result<MessageId, HistoryError> {
    match appending {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        // Boxed, for most rooms wait for nobody.
        Some(deadline) => Box::pin(sleep_until(deadline)).await,
        None => std::future::pending().await,
    }
}
