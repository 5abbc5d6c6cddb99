//! The task of one room: receives commands, passes inputs to the room, and carries out the room's
//! effects. It never waits for a socket nor, once the room is open, for the disk.

mod join_leave;
mod replies;

use std::mem;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use xmeet_shared::{MessageId, RoomId};

use super::greeting::Greeter;
use super::join_queue::JoinQueue;
use super::pending_joins::PendingJoins;
use super::resumption::Resumption;
use super::{Hub, PageRead, RoomCommand};
use crate::fanout::{Batch, Delivery, Encoder, Fanout, Reply};
use crate::history::{self, HistoryError, Lease, OpenRoom};
use crate::metrics::{GaugeGuard, READ_ROOM, ResumeOutcome};
use crate::room::{Action, Effect, Event, Input, MemberKey, Room, RoomHistory};
use crate::wire::budget::{Charge, Part};

/// Commands of one round: the room's effects are carried out after so many.
const ROUND_COMMANDS_MAX: usize = 512;

/// The state of a room's task.
pub(super) struct RoomTask {
    hub: Arc<Hub>,
    id: RoomId,
    /// The epoch of the room's message ids. Empty if the history is off: messages have no ids then.
    epoch: Arc<str>,
    /// Protects the room from eviction.
    lease: Option<Lease>,
    /// Sends to this task's inbox.
    inbox: mpsc::WeakSender<Box<RoomCommand>>,
    encoder: Encoder,
    greeter: Greeter,
    resumption: Resumption,
    joins: JoinQueue,
    pending_joins: PendingJoins,
    fanout: Fanout,
    /// Frames for all members.
    batch: Batch,
    /// Pages that were read from the store, to be sent after this round.
    pages: Vec<PageRead>,
    /// Members whose connections end after this round. At a shutdown these are all members, and
    /// ending each at its place in the order would split the batch as often.
    finishing: Vec<MemberKey>,
    /// The store's answer to the latest batch, until it is there.
    appending: Option<history::StoreFuture<MessageId>>,
    /// The memory charge for the room's pending inputs.
    pending: Charge,
    /// Gauges of this room and its members.
    _room: GaugeGuard,
    members: GaugeGuard,
}

impl RoomTask {
    pub(super) fn new(
        hub: &Arc<Hub>,
        id: RoomId,
        inbox: mpsc::WeakSender<Box<RoomCommand>>,
    ) -> Self {
        Self {
            hub: Arc::clone(hub),
            encoder: Encoder::new(id.clone(), hub.clock.clone(), hub.memory()),
            id,
            epoch: "".into(),
            lease: None,
            inbox,
            greeter: Greeter::default(),
            resumption: Resumption::new(hub.settings.resume_grace),
            joins: JoinQueue::new(hub.settings.joins_per_room),
            pending_joins: PendingJoins::default(),
            fanout: Fanout::new(hub.tasks.clone(), Arc::clone(&hub.metrics().panics)),
            batch: Batch::default(),
            pages: Vec::new(),
            finishing: Vec::new(),
            appending: None,
            pending: hub.memory().charge(Part::Accepted, 0),
            _room: GaugeGuard::one(&hub.metrics().rooms.rooms),
            members: GaugeGuard::none(&hub.metrics().rooms.members),
        }
    }

    /// Runs until the room is idle.
    pub(super) async fn run(&mut self, mut inbox: mpsc::Receiver<Box<RoomCommand>>) {
        let kept_max = self.hub.settings.history_kept_messages;
        let kept_for = self.hub.settings.history_kept_for;
        let age_ms_max = kept_for.map(|age| age.as_millis().try_into().unwrap_or(i64::MAX));
        let stored = match kept_max {
            0 => Ok(RoomHistory::default()),
            _ => {
                let load = self.hub.history.load(&self.id);
                let opened = self.hub.metrics().store.time_read(READ_ROOM, load).await;
                opened.map(|opened| self.take_lease(opened))
            }
        };
        let mut room = match stored {
            Ok(stored) => {
                let text_bytes_max = self.hub.settings.held_text_bytes_max;
                Room::with_text_bound(stored, kept_max, text_bytes_max).with_retention(age_ms_max)
            }
            Err(error) => {
                tracing::error!(%error, "a room could not be opened");
                return self.reject_all(&mut inbox, &error);
            }
        };
        let mut effects = Vec::new();
        // The first round has the command that opened the room.
        loop {
            self.round(&mut room, &mut inbox, &mut effects).await;
            self.pending.set(room.pending_bytes());
            room.end_round(&mut effects);
            for effect in effects.drain(..) {
                if let Effect::Broadcast(event) = effect {
                    self.broadcast(event);
                } else {
                    // Boxed, because there are many rooms and most are quiet.
                    Box::pin(self.carry_out(effect)).await;
                }
            }
            if self.batch.is_due(self.fanout.is_large()) {
                self.flush().await;
            }
            self.members.set(room.members());
            if !self.pages.is_empty() || !self.finishing.is_empty() {
                Box::pin(self.finish_round()).await;
            }
            if room.is_idle() && self.joins.is_empty() && self.hub.retire(&self.id, &inbox) {
                // Sessions that found the room before it was removed try again.
                inbox.close();
                while inbox.try_recv().is_ok() {}
                return;
            }
        }
    }

    fn take_lease(&mut self, OpenRoom { stored, epoch, lease }: OpenRoom) -> RoomHistory {
        self.epoch = epoch;
        self.lease = Some(lease);
        stored
    }

    /// Waits for a command, the store's answer or a deadline. Then handles all commands that have
    /// arrived by then.
    async fn round(
        &mut self,
        room: &mut Room,
        inbox: &mut mpsc::Receiver<Box<RoomCommand>>,
        effects: &mut Vec<Effect>,
    ) {
        let deadline = self.next_deadline(room);
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
            Some(command) = inbox.recv(), if !room.is_full() => {
                if self.fanout.is_large() {
                    // A write to so many members is expensive. Other tasks run first, so that their
                    // commands go out with the same write.
                    yield_now().await;
                }
                self.handle(*command, room, effects);
            }
            () = until(deadline) => {}
        }
        for _ in 1..ROUND_COMMANDS_MAX {
            if room.is_full() {
                break;
            }
            let Ok(command) = inbox.try_recv() else { break };
            self.handle(*command, room, effects);
        }
        // In every round, because a busy room always has commands and never sees its deadline.
        self.end_grace_periods(room, effects);
        self.admit_due(room, effects);
    }

    /// Makes members leave whose grace period has ended.
    fn end_grace_periods(&mut self, room: &mut Room, effects: &mut Vec<Effect>) {
        while let Some(member) = self.resumption.pop_expired(Instant::now()) {
            self.hub.metrics().rooms.count_resume(ResumeOutcome::Expired);
            room.handle(Action::Leave.by(member), self.encoder.now(), effects);
        }
    }

    /// Returns when the task has something to do without a command.
    fn next_deadline(&mut self, room: &Room) -> Option<Instant> {
        let joins = self.joins.due(self.fanout.is_large(), Instant::now());
        let joins = joins.filter(|_| !room.is_full());
        [self.resumption.deadline(), joins, self.batch.deadline()].into_iter().flatten().min()
    }

    fn handle(&mut self, command: RoomCommand, room: &mut Room, effects: &mut Vec<Effect>) {
        let now = self.encoder.now();
        match command {
            RoomCommand::Input(input, charge) => {
                room.handle(input, now, effects);
                // The room's charge first, so that the text is charged for all the time.
                self.pending.set(room.pending_bytes());
                drop(charge);
            }
            RoomCommand::Join(newcomer) if self.resumption.knows(&newcomer) => {
                if let Some(input) = self.admit(newcomer, room.member_count()) {
                    room.handle(input, now, effects);
                }
            }
            RoomCommand::Join(newcomer) => self.joins.push(newcomer, Instant::now()),
            RoomCommand::Disconnected { member, disconnect, pace } => {
                for input in self.disconnected(member, disconnect, pace).into_iter().flatten() {
                    room.handle(input, now, effects);
                }
            }
            RoomCommand::PageRead(page) => self.pages.push(page),
            RoomCommand::EndGracePeriods => {
                while let Some(member) = self.resumption.pop_lost() {
                    room.handle(Action::Leave.by(member), now, effects);
                }
            }
        }
    }

    /// Sends what follows behind the round's events: pages, and the end of connections.
    async fn finish_round(&mut self) {
        self.send_pages().await;
        if !self.finishing.is_empty() {
            self.flush().await;
            self.end_connections().await;
        }
    }

    async fn end_connections(&mut self) {
        for member in mem::take(&mut self.finishing) {
            self.batch.forget(member);
            self.fanout.reply(member, Vec::new(), Reply::End).await;
            self.fanout.unsubscribe(member).await;
        }
    }

    async fn send_pages(&mut self) {
        for PageRead { member, outbox, pieces } in mem::take(&mut self.pages) {
            // The member may have resumed on another connection, which has not requested it.
            if self.fanout.outbox(member).is_some_and(|here| Arc::ptr_eq(here, &outbox)) {
                self.reply(member, Reply::Page(pieces)).await;
            }
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(messages) => {
                self.appending = Some(self.hub.history.append(&self.id, messages));
            }
            Effect::Greet { members, snapshot } => self.greet(members, snapshot).await,
            // No flush is needed, because the connection is over. Broadcasts stay batched, so a mass
            // disconnect becomes one write.
            Effect::Detach { member } => {
                self.batch.forget(member);
                self.fanout.unsubscribe(member).await;
            }
            Effect::Broadcast(event) => self.broadcast(event),
            Effect::Reply { member, event: Event { from, message, ts } } => {
                let frame = self.encoder.frame(from, message, ts);
                self.reply(member, Reply::Frame(frame)).await;
            }
            Effect::Page { member, pid, messages } => {
                let pieces = self.newest_page(&pid, &messages).await;
                self.reply(member, Reply::Page(pieces)).await;
            }
            Effect::ReadPage { member, pid, ids } => self.read_page(member, pid, ids),
            Effect::BarrierReached { member } => self.reply(member, Reply::Barrier).await,
            Effect::Finish { member } => self.finishing.push(member),
        }
    }

    /// Delivers the batch to all members.
    async fn flush(&mut self) {
        if !self.batch.is_empty() {
            let receivers = self.fanout.len() as u64;
            let Delivery { frames, sent_frames, sent_bytes } =
                self.batch.take(receivers, &self.encoder);
            self.hub.metrics().traffic.sent(sent_frames, sent_bytes);
            self.fanout.deliver(frames).await;
        }
    }

    /// Adds an event to the batch.
    fn broadcast(&mut self, event: Event) {
        self.batch.count_frame(&event.message);
        self.encoder.put_event(&mut self.batch.frames, event);
    }
}

/// Waits for the store's answer, for ever if there is no batch.
async fn answer_of(
    appending: &mut Option<history::StoreFuture<MessageId>>,
) -> Result<MessageId, HistoryError> {
    match appending {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        // Boxed, because most rooms have no deadline.
        Some(deadline) => Box::pin(sleep_until(deadline)).await,
        None => std::future::pending().await,
    }
}
