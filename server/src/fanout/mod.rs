//! Delivers a room's frames to its members, in the room's order.
//!
//! - `encode`: events to frames, each once for all members
//! - `batch`: the frames that are delivered next
//! - `shard`: a part of the members, and the writing to their outboxes

mod batch;
mod encode;
mod shard;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::metrics::Panics;
use crate::room::MemberKey;
use crate::wire::outbox::Outbox;
pub(crate) use batch::{Batch, Delivery, PRESENCE_WINDOW};
pub(crate) use encode::{Encoder, addressed, put_address, write_json};
pub use shard::ROOM_ENDED;
pub(crate) use shard::Reply;
pub(crate) use shard::SHARD_MEMBERS_MAX;
use shard::{Shard, ShardCommand, Subscriber};

/// Capacity of a shard's queue, in commands. A room whose shards are this many batches behind waits for
/// them; writes to sockets never wait.
const SHARD_COMMANDS_MAX: usize = 16;

/// The members of one room, in shards.
pub(crate) struct Fanout {
    tasks: TaskTracker,
    panics: Arc<Panics>,
    /// The first members, to whom the room's own task writes.
    local: Shard,
    remote: Vec<RemoteShard>,
    /// The remote shard of each further member.
    remote_subscribers: HashMap<MemberKey, (usize, Arc<Outbox>)>,
}

/// A shard with a task of its own.
struct RemoteShard {
    commands: mpsc::Sender<ShardCommand>,
    members: usize,
}

impl RemoteShard {
    fn has_room(&self) -> bool {
        // A shard that panicked is closed.
        self.members < SHARD_MEMBERS_MAX && !self.commands.is_closed()
    }

    /// Does nothing after a panic of the shard, which closes its members' connections.
    async fn send(&self, command: ShardCommand) {
        let _ = self.commands.send(command).await;
    }
}

impl Fanout {
    /// Creates a fan-out without members; `tasks` runs its remote shards.
    pub(crate) fn new(tasks: TaskTracker, panics: Arc<Panics>) -> Self {
        let (local, remote, remote_subscribers) = (Shard::default(), Vec::new(), HashMap::new());
        Self { tasks, panics, local, remote, remote_subscribers }
    }

    /// Returns the number of members that receive frames.
    pub(crate) fn len(&self) -> usize {
        self.local.len() + self.remote_subscribers.len()
    }

    /// Returns whether there are remote shards.
    pub(crate) fn is_large(&self) -> bool {
        !self.remote.is_empty()
    }

    /// Returns the outbox of a member that receives frames.
    pub(crate) fn outbox(&self, member: MemberKey) -> Option<&Arc<Outbox>> {
        let remote = || self.remote_subscribers.get(&member).map(|(_, outbox)| outbox);
        self.local.outbox(member).or_else(remote)
    }

    /// Adds a member whose greeting contains the first `ahead_bytes` of the next batch.
    pub(crate) async fn subscribe(
        &mut self,
        member: MemberKey,
        outbox: &Arc<Outbox>,
        ahead_bytes: usize,
    ) {
        let subscriber = Subscriber::new(member, Arc::clone(outbox), ahead_bytes);
        let command = ShardCommand::Subscribe(subscriber);
        if self.local.len() < SHARD_MEMBERS_MAX {
            return self.local.execute(command).await;
        }
        let shard = self.shard_with_room();
        self.remote[shard].members += 1;
        self.remote_subscribers.insert(member, (shard, Arc::clone(outbox)));
        self.remote[shard].send(command).await;
    }

    /// Sends nothing more to a member.
    pub(crate) async fn unsubscribe(&mut self, member: MemberKey) {
        let Some((shard, _)) = self.remote_subscribers.remove(&member) else {
            return self.local.execute(ShardCommand::Unsubscribe(member)).await;
        };
        self.remote[shard].members -= 1;
        self.remote[shard].send(ShardCommand::Unsubscribe(member)).await;
        while self.remote.last().is_some_and(|shard| shard.members == 0) {
            self.remote.pop();
        }
    }

    /// Sends a batch of whole frames to all members.
    pub(crate) async fn deliver(&mut self, batch: Bytes) {
        for shard in self.remote.iter().filter(|shard| shard.members > 0) {
            shard.send(ShardCommand::Deliver(batch.clone())).await;
        }
        self.local.execute(ShardCommand::Deliver(batch)).await;
        self.local.flush().await;
    }

    /// Sends a reply to one member, behind all earlier frames and behind `unseen`: the frames of the
    /// next batch that the member does not have yet.
    pub(crate) async fn reply(&mut self, member: MemberKey, unseen: Vec<Bytes>, reply: Reply) {
        let command = ShardCommand::Reply { member, unseen, reply };
        match self.remote_subscribers.get(&member) {
            Some((shard, _)) => self.remote[*shard].send(command).await,
            None => self.local.execute(command).await,
        }
    }

    /// Returns the index of a remote shard with room for a member, which may be new.
    fn shard_with_room(&mut self) -> usize {
        let existing = self.remote.iter().position(RemoteShard::has_room);
        existing.unwrap_or_else(|| {
            let (commands, inbox) = mpsc::channel(SHARD_COMMANDS_MAX);
            let panics = Arc::clone(&self.panics);
            // A panic drops the shard, and with it its members' connections.
            let work = async move { panics.catch("shard", Shard::default().run(inbox)).await };
            self.tasks.spawn(work);
            self.remote.push(RemoteShard { commands, members: 0 });
            self.remote.len() - 1
        })
    }
}
