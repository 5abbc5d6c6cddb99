//! How members join, resume and leave a room.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use xmeet_shared::Pid;

use super::RoomTask;
use crate::history::HistoryError;
use crate::hub::greeting::SharedGreeting;
use crate::hub::long_greeting::{GREETING_FRAMES, LongGreeting, Newcomers};
use crate::hub::pending_joins::PendingJoin;
use crate::hub::resumption::{Arrival, DisconnectOutcome, Newcomer};
use crate::hub::{Disconnect, JoinError, RoomCommand};
use crate::limits::pace::Pace;
use crate::metrics::ResumeOutcome;
use crate::room::{Action, Effect, Input, MemberKey, Room, Snapshot};
use crate::wire::outbox::Outbox;

impl RoomTask {
    /// Rejects all newcomers of a room whose history cannot be read, until the room is removed.
    pub(super) fn reject_all(
        &self,
        inbox: &mut mpsc::Receiver<Box<RoomCommand>>,
        error: &HistoryError,
    ) {
        while !self.hub.retire(&self.id, inbox) {
            while let Ok(command) = inbox.try_recv() {
                if let RoomCommand::Join(Newcomer { reply, .. }) = *command {
                    let _ = reply.send(Err(JoinError::History(error.clone())));
                }
            }
        }
    }

    /// Admits the newcomers whose turn it is.
    pub(super) fn admit_due(&mut self, room: &mut Room, effects: &mut Vec<Effect>) {
        let now = Instant::now();
        let due = self.joins.due(self.fanout.is_large(), now);
        if room.is_full() || due.is_none_or(|due| due > now) {
            return;
        }
        self.joins.start_batch(now);
        while let Some(newcomer) = self.joins.pop(now) {
            if let Some(input) = self.admit(newcomer, room.member_count()) {
                room.handle(input, self.encoder.now(), effects);
            }
        }
    }

    /// Admits or rejects a newcomer. Returns the room's input for it, unless the newcomer is rejected
    /// or waits for the end of its member's earlier connection.
    pub(super) fn admit(&mut self, newcomer: Newcomer, member_count: usize) -> Option<Input> {
        match self.resumption.arrive(newcomer) {
            Arrival::Joins(newcomer) if member_count >= self.hub.settings.members_per_room_max => {
                let _ = newcomer.reply.send(Err(JoinError::RoomFull));
                None
            }
            Arrival::Joins(newcomer) => self.join(newcomer),
            Arrival::Resumes(member, pid, pace, newcomer) => {
                self.hub.metrics().rooms.count_resume(ResumeOutcome::Returned);
                self.resume(member, pid, pace, newcomer)
            }
            Arrival::AwaitsTakeover => None,
        }
    }

    fn join(&mut self, newcomer: Newcomer) -> Option<Input> {
        let Newcomer { nickname, token, outbox, permit, reply } = newcomer;
        let (member, pid) = self.hub.next_member();
        // Fails if the session has ended. Such a session would never report that it leaves.
        reply.send(Ok((member, pid.clone(), Pace::default()))).ok()?;
        let is_extended = token.is_some();
        let pending = PendingJoin::new(Arc::clone(&outbox), permit, is_extended);
        if is_extended {
            self.hub.metrics().rooms.count_resume(ResumeOutcome::New);
        }
        self.resumption.remember(member, &pid, token, &outbox);
        self.pending_joins.push(member, pending);
        Some(Action::Join { pid, nickname }.by(member))
    }

    fn resume(
        &mut self,
        member: MemberKey,
        pid: Pid,
        pace: Pace,
        newcomer: Newcomer,
    ) -> Option<Input> {
        let Newcomer { nickname, outbox, permit, reply, .. } = newcomer;
        if let Err(Ok((_, _, pace))) = reply.send(Ok((member, pid, pace))) {
            // The session has ended, so the member is lost again.
            return match self.resumption.disconnected(member, false, pace, Instant::now()) {
                DisconnectOutcome::Leaves(_) => Some(Action::Leave.by(member)),
                DisconnectOutcome::GracePeriodStarted | DisconnectOutcome::TakenOver(..) => None,
            };
        }
        self.pending_joins.push(member, PendingJoin::new(outbox, permit, true));
        Some(Action::Resume { nickname }.by(member))
    }

    /// Returns the room's inputs for a connection that has ended.
    pub(super) fn disconnected(
        &mut self,
        member: MemberKey,
        disconnect: Disconnect,
        pace: Pace,
    ) -> [Option<Input>; 2] {
        let is_clean = disconnect == Disconnect::Clean;
        match self.resumption.disconnected(member, is_clean, pace, Instant::now()) {
            DisconnectOutcome::Leaves(None) => [Some(Action::Leave.by(member)), None],
            DisconnectOutcome::Leaves(Some(newcomer)) => {
                // The join rate holds for it as for any newcomer.
                self.joins.push(newcomer, Instant::now());
                [Some(Action::Leave.by(member)), None]
            }
            DisconnectOutcome::GracePeriodStarted => {
                [Some(Action::ConnectionLost.by(member)), None]
            }
            DisconnectOutcome::TakenOver(pid, pace, newcomer) => {
                self.hub.metrics().rooms.count_resume(ResumeOutcome::TookOver);
                let lost = Action::ConnectionLost.by(member);
                [Some(lost), self.resume(member, pid, pace, newcomer)]
            }
        }
    }

    /// Greets members who joined one directly after the other. If the room does not hold the whole
    /// page, a task beside this one reads it and greets them.
    pub(super) async fn greet(&mut self, members: Vec<(MemberKey, Pid)>, snapshot: Snapshot) {
        let shared = self.greeter.shared(&snapshot, &mut self.encoder);
        let Snapshot { absent, tail, .. } = snapshot;
        let Some(absent) = absent else {
            let page = self.greeter.page(&tail, shared.ts(), &mut self.encoder).await;
            for (member, pid) in members {
                self.greet_now(member, &pid, &shared, &page).await;
            }
            return;
        };
        let mut newcomers = Newcomers::default();
        for (member, pid) in members {
            let Some(pending) = self.pending_joins.pop(member) else { continue };
            pending.outbox.await_greeting();
            self.subscribe(member, &pending.outbox).await;
            newcomers.push(pid, pending);
        }
        let (hub, page) = (Arc::clone(&self.hub), (absent, tail));
        let encoder = (self.encoder.for_task(), Arc::clone(&self.epoch));
        let greeting = LongGreeting::new(&hub, &self.id, encoder, shared, page, newcomers);
        let panics = Arc::clone(&hub.metrics().panics);
        // A panic drops the newcomers, which closes their connections.
        hub.tasks.spawn(async move { panics.catch("greeting", greeting.run()).await });
    }

    async fn greet_now(
        &mut self,
        member: MemberKey,
        pid: &Pid,
        shared: &SharedGreeting,
        page: &Bytes,
    ) {
        let Some(pending) = self.pending_joins.pop(member) else { return };
        let epoch = pending.is_extended.then_some(&*self.epoch);
        let pieces = shared.greeting(page, pid, epoch, &mut self.encoder);
        let bytes = pieces.iter().map(Bytes::len).sum::<usize>();
        self.hub.metrics().traffic.sent(GREETING_FRAMES, bytes as u64);
        // The shard sends nothing to the member before this task has sent the greeting.
        self.subscribe(member, &pending.outbox).await;
        pending.greet(pieces);
    }

    /// Sends a member all events from here on. The greeting contains the batch so far.
    async fn subscribe(&mut self, member: MemberKey, outbox: &Arc<Outbox>) {
        let ahead_bytes = self.batch.skip_for(member);
        self.fanout.subscribe(member, outbox, ahead_bytes).await;
    }
}
