//! All rooms that are in memory, and the way into them.
//!
//! A room's task starts when somebody enters and ends when nobody is there and nothing is under
//! way. Between the two, only the task touches the room; everybody else sends it inputs.

mod encode;
mod room_task;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use xmeet_shared::{CloseCode, ErrorCode, Nickname, Pid, RoomId};

use crate::clock::Clock;
use crate::history::{History, HistoryError};
use crate::room::{Input, MemberKey};
use crate::ws::outbox::{Ending, Outbox};
use room_task::RoomTask;

/// Inputs that may wait for one room; further ones wait with their sessions, which stop reading
/// from their sockets meanwhile.
const ROOM_INBOX_INPUTS_MAX: usize = 64;

/// The node's number in its pids. There is one node.
const NODE: u32 = 0;

/// Rooms that a session tries to enter before it gives up. A room that leaves memory at that very
/// moment costs a try; so does one that panics before it answers.
const ENTER_TRIES_MAX: usize = 100;

/// What members are closed with when their room ends under them.
pub const ROOM_ENDED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the room was restarted: come back" };

/// What a room's task is sent.
#[derive(Debug)]
pub(crate) enum Envoy {
    /// Somebody comes in.
    Enter {
        nickname: Nickname,
        outbox: Arc<Outbox>,
        entered: oneshot::Sender<Result<MemberKey, HistoryError>>,
    },
    /// A member does something.
    Do(Input),
}

/// The rooms. Shared by all sessions.
pub struct Hub {
    rooms: Mutex<HashMap<RoomId, mpsc::Sender<Envoy>>>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) clock: Clock,
    history_kept_messages: u64,
    creation: u64,
    last_serial: AtomicU64,
    tasks: TaskTracker,
    panics: AtomicU64,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("rooms", &self.rooms_in_memory()).finish_non_exhaustive()
    }
}

/// A member's way to its room. A member that is dropped leaves.
#[derive(Debug)]
pub struct Membership {
    key: MemberKey,
    /// Taken when it leaves.
    room: Option<mpsc::Sender<Envoy>>,
}

/// The room has ended under its members, by a panic. They come back to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room has ended")]
pub struct RoomEnded;

impl Hub {
    /// A hub without rooms. `creation` is what makes this start's pids unlike those of all others.
    #[must_use]
    pub fn new(
        history: Arc<dyn History>,
        clock: Clock,
        history_kept_messages: u64,
        creation: u64,
    ) -> Self {
        Self {
            rooms: Mutex::default(),
            history,
            clock,
            history_kept_messages,
            creation,
            last_serial: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            panics: AtomicU64::new(0),
        }
    }

    /// Enters a room, which is opened when it is not in memory. The greeting is in the outbox, or
    /// will be, before anything else of the room.
    ///
    /// # Errors
    /// When the room's history cannot be read.
    pub async fn enter(
        self: &Arc<Self>,
        room_id: &RoomId,
        nickname: &Nickname,
        outbox: &Arc<Outbox>,
    ) -> Result<Membership, HistoryError> {
        for _ in 0..ENTER_TRIES_MAX {
            let room = self.room(room_id);
            let (entered, answer) = oneshot::channel();
            let envoy =
                Envoy::Enter { nickname: nickname.clone(), outbox: Arc::clone(outbox), entered };
            if room.send(envoy).await.is_err() {
                continue;
            }
            // No answer: the room left memory in that very moment. The next one is new.
            if let Ok(answer) = answer.await {
                return Ok(Membership { key: answer?, room: Some(room) });
            }
        }
        Err(HistoryError::Closed)
    }

    /// How many rooms are in memory.
    #[must_use]
    pub fn rooms_in_memory(&self) -> usize {
        self.lock().len()
    }

    /// How many rooms have ended by a panic since the start.
    #[must_use]
    pub fn room_panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Waits until every room has left memory. For the shutdown, when all sessions have ended.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn room(self: &Arc<Self>, id: &RoomId) -> mpsc::Sender<Envoy> {
        let mut rooms = self.lock();
        // A closed one has panicked and is about to be taken out.
        if let Some(room) = rooms.get(id).filter(|room| !room.is_closed()) {
            return room.clone();
        }
        let (sender, inbox) = mpsc::channel(ROOM_INBOX_INPUTS_MAX);
        rooms.insert(id.clone(), sender.clone());
        drop(rooms);
        let hub = Arc::clone(self);
        let id = id.clone();
        let identity = sender.downgrade();
        self.tasks.spawn(async move {
            let task = RoomTask::new(&hub, id.clone(), hub.history_kept_messages);
            if AssertUnwindSafe(task.run(inbox)).catch_unwind().await.is_err() {
                hub.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!("a room panicked; its members are told to come back");
                hub.forget(&id, &identity);
            }
        });
        sender
    }

    /// Takes a room out that has nothing to do, unless something has come for it meanwhile.
    fn retire(&self, id: &RoomId, inbox: &mpsc::Receiver<Envoy>) -> bool {
        let mut rooms = self.lock();
        let retires = inbox.is_empty();
        if retires {
            rooms.remove(id);
        }
        retires
    }

    /// Takes a room out that has panicked, unless a new one stands in its place.
    fn forget(&self, id: &RoomId, identity: &mpsc::WeakSender<Envoy>) {
        let mut rooms = self.lock();
        let is_same = identity
            .upgrade()
            .is_some_and(|gone| rooms.get(id).is_some_and(|room| room.same_channel(&gone)));
        if is_same {
            rooms.remove(id);
        }
    }

    fn next_member(&self) -> (MemberKey, Pid) {
        let serial = self.last_serial.fetch_add(1, Ordering::Relaxed) + 1;
        (serial, Pid::new(NODE, serial, self.creation))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, mpsc::Sender<Envoy>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Membership {
    /// Says something.
    ///
    /// # Errors
    /// [`RoomEnded`].
    pub async fn say(&self, text: String) -> Result<(), RoomEnded> {
        self.send(Input::Say { member: self.key, text }).await
    }

    /// Takes another name.
    ///
    /// # Errors
    /// [`RoomEnded`].
    pub async fn change_name(&self, nickname: Nickname) -> Result<(), RoomEnded> {
        self.send(Input::ChangeName { member: self.key, nickname }).await
    }

    /// Asks for a page of the history.
    ///
    /// # Errors
    /// [`RoomEnded`].
    pub async fn history(&self, cursor: xmeet_shared::Cursor) -> Result<(), RoomEnded> {
        self.send(Input::History { member: self.key, cursor }).await
    }

    /// Has an `error` sent to this member, in its place among the answers.
    ///
    /// # Errors
    /// [`RoomEnded`].
    pub async fn refuse(&self, code: ErrorCode, words: String) -> Result<(), RoomEnded> {
        self.send(Input::Refuse { member: self.key, code, words }).await
    }

    /// Leaves. What was sent before is said first.
    pub async fn leave(mut self) {
        let leave = Envoy::Do(Input::Leave { member: self.key });
        if let Some(room) = self.room.take() {
            // A room that has ended has no members.
            let _ = room.send(leave).await;
        }
    }

    async fn send(&self, input: Input) -> Result<(), RoomEnded> {
        let room = self.room.as_ref().ok_or(RoomEnded)?;
        room.send(Envoy::Do(input)).await.map_err(|_| RoomEnded)
    }
}

/// For a session that ends by a panic: it must not leave a ghost in its room.
impl Drop for Membership {
    fn drop(&mut self) {
        let leave = Envoy::Do(Input::Leave { member: self.key });
        if let (Some(room), Ok(runtime)) = (self.room.take(), Handle::try_current()) {
            runtime.spawn(async move { room.send(leave).await });
        }
    }
}

#[cfg(test)]
mod tests;
