//! A part of a room's members, and the writes to their outboxes. A small room is one shard, which the
//! room's task drives. Each further shard of a large room is a task of its own, so that the writes use
//! all cores and other rooms run in between.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use xmeet_shared::CloseCode;

use crate::room::MemberKey;
use crate::turns::yield_without_io_poll;
use crate::wire::outbox::{CloseReason, Outbox};

/// Close reason for members whose room, or whose part of it, panicked.
pub const ROOM_ENDED: CloseReason =
    CloseReason { code: CloseCode::TryAgainLater, reason: "the room was restarted: come back" };

/// Members of one shard. Writing to all of them takes well under a millisecond.
pub(crate) const SHARD_MEMBERS_MAX: usize = 64;

/// Writes after which the task yields, so that a message of a quiet room does not wait for all
/// writes of a busy one.
const WRITES_PER_TURN: usize = 8;

/// Batches that a shard joins into one write for each member when it has fallen behind.
const BATCHES_PER_WRITE_MAX: usize = 16;

/// A member that receives frames. Its connection is closed if the subscriber is dropped before it is
/// unsubscribed, as by a panic.
#[derive(Debug)]
pub(super) struct Subscriber {
    member: MemberKey,
    outbox: Arc<Outbox>,
    /// How much of the frames that the shard writes next the member has already, in bytes: it
    /// received them before a reply, or they are in its greeting.
    ahead_bytes: usize,
    is_subscribed: bool,
}

/// A command to a shard. Commands are executed in the room's order.
#[derive(Debug)]
pub(super) enum ShardCommand {
    /// Send whole frames to every member.
    Deliver(Bytes),
    Reply {
        member: MemberKey,
        /// Frames that precede the reply, and that the others receive by a later `Deliver`.
        unseen: Vec<Bytes>,
        reply: Reply,
    },
    /// Add a member that has been greeted.
    Subscribe(Subscriber),
    Unsubscribe(MemberKey),
}

/// A reply to one member.
#[derive(Debug)]
pub(crate) enum Reply {
    Frame(Bytes),
    /// The history page that the session waits for, or an error instead of it: one frame in pieces.
    Page(Vec<Bytes>),
    /// The barrier that the session waits for.
    Barrier,
    /// The end: nothing follows.
    End,
}

/// A part of a room's members.
#[derive(Debug, Default)]
pub(super) struct Shard {
    subscribers: Vec<Subscriber>,
    /// Batches that no member was sent yet, beside their members' `ahead_bytes`.
    waiting: Vec<Bytes>,
}

impl Subscriber {
    /// Creates the subscriber of a member that has `ahead_bytes` of the next batch already.
    pub(super) fn new(member: MemberKey, outbox: Arc<Outbox>, ahead_bytes: usize) -> Self {
        Self { member, outbox, ahead_bytes, is_subscribed: true }
    }

    /// Sends the part of `waiting` that the member does not have yet, and `unseen` behind it.
    /// `waiting_bytes` is the length of `waiting`.
    fn send_ahead(&mut self, (waiting, waiting_bytes): (&[Bytes], usize), unseen: Vec<Bytes>) {
        let unseen_bytes = unseen.iter().map(Bytes::len).sum::<usize>();
        let mut batches = skip(waiting, self.ahead_bytes);
        batches.extend(unseen);
        if !batches.is_empty() {
            self.outbox.send(&batches);
        }
        self.ahead_bytes = self.ahead_bytes.max(waiting_bytes) + unseen_bytes;
    }

    /// Sends the part of `batches` that the member does not have yet. `batches_bytes` is their
    /// length.
    fn send(&mut self, batches: &[Bytes], batches_bytes: usize) {
        if self.ahead_bytes == 0 {
            return self.outbox.send(batches);
        }
        let rest = skip(batches, self.ahead_bytes);
        if !rest.is_empty() {
            self.outbox.send(&rest);
        }
        self.ahead_bytes = self.ahead_bytes.saturating_sub(batches_bytes);
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.is_subscribed && !self.outbox.is_closed() {
            self.outbox.close_with(ROOM_ENDED);
        }
    }
}

/// Returns batches without their first `skipped_bytes`.
pub(super) fn skip(batches: &[Bytes], mut skipped_bytes: usize) -> Vec<Bytes> {
    let rest = batches.iter().filter_map(|batch| {
        let start = skipped_bytes.min(batch.len());
        skipped_bytes -= start;
        (start < batch.len()).then(|| batch.slice(start..))
    });
    rest.collect()
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub(super) fn outbox(&self, member: MemberKey) -> Option<&Arc<Outbox>> {
        let mut subscribers = self.subscribers.iter();
        subscribers.find(|subscriber| subscriber.member == member).map(|found| &found.outbox)
    }

    /// Executes a command. Batches may wait until [`Self::flush`].
    pub(super) async fn execute(&mut self, command: ShardCommand) {
        match command {
            ShardCommand::Deliver(batch) => {
                self.waiting.push(batch);
                if self.waiting.len() == BATCHES_PER_WRITE_MAX {
                    self.flush().await;
                }
            }
            ShardCommand::Reply { member, unseen, reply } => self.reply(member, unseen, reply),
            ShardCommand::Subscribe(mut subscriber) => {
                // The greeting contains the batches that wait.
                subscriber.ahead_bytes += self.waiting_bytes();
                self.subscribers.push(subscriber);
            }
            ShardCommand::Unsubscribe(member) => {
                let mut subscribers = self.subscribers.iter();
                if let Some(at) = subscribers.position(|subscriber| subscriber.member == member) {
                    self.subscribers.swap_remove(at).is_subscribed = false;
                }
            }
        }
    }

    fn reply(&mut self, member: MemberKey, unseen: Vec<Bytes>, reply: Reply) {
        let waiting_bytes = self.waiting_bytes();
        let mut subscribers = self.subscribers.iter_mut();
        let Some(subscriber) = subscribers.find(|subscriber| subscriber.member == member) else {
            return;
        };
        subscriber.send_ahead((&self.waiting, waiting_bytes), unseen);
        match reply {
            Reply::Frame(frame) => subscriber.outbox.send(&[frame]),
            Reply::Page(pieces) => subscriber.outbox.send_answer(pieces),
            Reply::Barrier => subscriber.outbox.note_barrier_reached(),
            Reply::End => subscriber.outbox.finish(),
        }
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(Bytes::len).sum()
    }

    /// Writes the batches that wait to all members.
    pub(super) async fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let bytes = self.waiting_bytes();
        for subscribers in self.subscribers.chunks_mut(WRITES_PER_TURN) {
            let is_whole_turn = subscribers.len() == WRITES_PER_TURN;
            for subscriber in subscribers {
                subscriber.send(&self.waiting, bytes);
            }
            if is_whole_turn {
                yield_without_io_poll().await;
            }
        }
        self.waiting.clear();
    }

    /// Executes commands until their channel is closed.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<ShardCommand>) {
        while let Some(command) = commands.recv().await {
            self.execute(command).await;
            while let Ok(command) = commands.try_recv() {
                self.execute(command).await;
            }
            self.flush().await;
        }
    }
}
