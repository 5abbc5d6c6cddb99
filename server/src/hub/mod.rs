//! The rooms in memory. Each is owned by a task, which starts when the first member joins and ends
//! when the room has no member and no work. Sessions send commands to the task.

mod greeting;
mod join_queue;
mod join_request;
mod long_greeting;
mod membership;
mod pages;
mod pending_joins;
mod resumption;
mod room_task;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xmeet_shared::{CloseCode, Envelope, Pid, RoomId, ServerMessage};

use crate::clock::Clock;
use crate::fanout::Encoder;
pub use crate::fanout::ROOM_ENDED;
use crate::history::{History, HistoryError};
use crate::limits::admission::ConnectionPermit;
use crate::limits::bucket::Rate;
use crate::limits::pace::Pace;
use crate::metrics::Metrics;
use crate::room::{Input, MemberKey};
use crate::wire::budget::{Charge, MemoryBudget};
use crate::wire::frame;
use crate::wire::outbox::{CloseReason, Outbox};
pub use join_request::JoinRequest;
pub use membership::{Membership, PendingInput, RoomEnded};
use resumption::Newcomer;
use room_task::RoomTask;

/// Returns a client's next heartbeat frame, or `None` before the client is a member.
pub type Heartbeat = Box<dyn Fn() -> Option<Bytes> + Send + Sync>;

/// Commands in a room's inbox. Further ones wait with their sessions, which read nothing from their
/// sockets meanwhile.
const ROOM_INBOX_COMMANDS_MAX: usize = 512;

/// The node's number in its pids. There is one node.
const NODE: u32 = 0;

/// Attempts of a session to join. An attempt fails if the room's task ends before it answers.
const JOIN_ATTEMPTS_MAX: usize = 100;

/// Close reason for a newcomer whose greeting cannot be read from the store.
pub const NO_HISTORY: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the room's history cannot be read now: come back",
};

/// Close reason for a connection whose member resumes on another one.
pub const TAKEN_OVER: CloseReason =
    CloseReason { code: CloseCode::TakenOver, reason: "taken over by another connection" };

/// A command to a room's task. Sent in a box, because an inbox has many slots and most are empty.
#[derive(Debug)]
enum RoomCommand {
    Join(Newcomer),
    /// A member's input, and the memory charge for it.
    Input(Input, Charge),
    Disconnected {
        member: MemberKey,
        disconnect: Disconnect,
        pace: Pace,
    },
    /// A page was read from the store.
    PageRead(PageRead),
    /// Lost members leave now: the server shuts down.
    EndGracePeriods,
}

/// A page for one member, for the connection that requested it.
#[derive(Debug)]
struct PageRead {
    member: MemberKey,
    outbox: Arc<Outbox>,
    /// The page's frame, in pieces.
    pieces: Vec<Bytes>,
}

/// How a member's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// The client closed it with 1000: the member leaves at once.
    Clean,
    /// Any other end: the member has its grace period.
    Lost,
}

/// Why a connection could not join.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The room's history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A later connection with the same token replaced this one while it waited.
    #[error("another connection with the same token replaced this one")]
    TakenOver,
    #[error("the room is full")]
    RoomFull,
    #[error("there are too many rooms")]
    TooManyRooms,
    /// The room's join queue is full.
    #[error("too many are joining the room")]
    TooManyJoin,
    /// The connection ended while it waited.
    #[error("the connection gave up")]
    Abandoned,
    /// The server shuts down.
    #[error("the server is going away")]
    GoingAway,
}

/// The settings of all rooms.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Messages in the history of each room; 0 turns the history off.
    pub history_kept_messages: u64,
    /// Text of its newest page that a room holds in memory, in bytes. The rest is read from the store
    /// for each greeting.
    pub held_text_bytes_max: usize,
    /// The retention period; `None` is for ever.
    pub history_kept_for: Option<Duration>,
    /// The grace period of a member whose connection is lost.
    pub resume_grace: Duration,
    /// Rooms in memory at most.
    pub rooms_max: usize,
    /// Members of one room at most, including members in their grace period.
    pub members_per_room_max: usize,
    /// The rate of newcomers of one room; `None` is no limit.
    pub joins_per_room: Option<Rate>,
    /// The part of pids that differs at each start of the server.
    pub creation: u64,
    pub metrics: Metrics,
}

/// The rooms. Shared by all sessions.
pub struct Hub {
    rooms: Mutex<HashMap<RoomId, mpsc::Sender<Box<RoomCommand>>>>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) clock: Clock,
    settings: HubSettings,
    last_serial: AtomicU64,
    page_slots: pages::PageSlots,
    tasks: TaskTracker,
    /// Cancelled when the server shuts down, for newcomers that wait.
    admission: CancellationToken,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("rooms", &self.rooms_in_memory()).finish_non_exhaustive()
    }
}

impl Hub {
    /// Creates a hub without rooms.
    #[must_use]
    pub fn new(history: Arc<dyn History>, clock: Clock, settings: HubSettings) -> Self {
        Self {
            rooms: Mutex::default(),
            history,
            clock,
            settings,
            last_serial: AtomicU64::new(0),
            page_slots: pages::PageSlots::default(),
            tasks: TaskTracker::new(),
            admission: CancellationToken::new(),
        }
    }

    /// Joins a room, and opens it if it is not in memory. The greeting is the first that the room
    /// sends to the outbox. Waits while many join, until `abandoned` is ready.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(
        self: &Arc<Self>,
        join_request: JoinRequest,
        outbox: &Arc<Outbox>,
        permit: Option<&Arc<ConnectionPermit>>,
        abandoned: impl Future<Output = ()>,
    ) -> Result<Membership, JoinError> {
        let mut abandoned = pin!(abandoned);
        let JoinRequest { room: room_id, nickname, token, is_stored } = join_request;
        for _ in 0..JOIN_ATTEMPTS_MAX {
            let room = self.room(&room_id)?;
            let (reply, mut answer) = oneshot::channel();
            let (nickname, token) = (nickname.clone(), token.clone());
            let (outbox, permit) = (Arc::clone(outbox), permit.map(Arc::clone));
            let newcomer = Newcomer { nickname, token, outbox, permit, reply };
            // The inbox is full while the room's store stalls.
            let sent = tokio::select! {
                biased;
                sent = room.send(Box::new(RoomCommand::Join(newcomer))) => sent,
                () = &mut abandoned => return Err(JoinError::Abandoned),
                () = self.admission.cancelled() => return Err(JoinError::GoingAway),
            };
            if sent.is_err() {
                continue;
            }
            // Without an answer the room's task has ended, and the next attempt starts a new one.
            let answer = tokio::select! {
                biased;
                answer = &mut answer => answer,
                () = &mut abandoned => withdraw(answer, JoinError::Abandoned),
                () = self.admission.cancelled() => withdraw(answer, JoinError::GoingAway),
            };
            if let Ok(answer) = answer {
                return Ok(Membership::new(answer?, is_stored, room, self.memory()));
            }
        }
        Err(JoinError::History(HistoryError::Closed))
    }

    /// Returns the source of a client's heartbeat frames. It has none before `pid` is set.
    #[must_use]
    pub fn heartbeat(&self, xnest: RoomId, pid: Arc<OnceLock<Pid>>) -> Heartbeat {
        let clock = self.clock.clone();
        Box::new(move || {
            let from = pid.get()?.clone();
            let ts = clock.now();
            let (xnest, send_time) = (xnest.clone(), clock.moment(ts));
            let message = ServerMessage::Ping { next_bytes: None };
            let envelope = Envelope { from, xnest, message, send_time, ts: Some(ts) };
            Some(frame::text(envelope.encode().as_bytes()))
        })
    }

    /// Encodes an `error` frame for a member of a room.
    #[must_use]
    pub fn error_frame(&self, room: &RoomId, member: &Pid, error: ServerMessage) -> Bytes {
        let mut encoder = Encoder::new(room.clone(), self.clock.clone(), self.memory());
        let now = encoder.now();
        encoder.frame(member.clone(), error, now)
    }

    /// Rejects the newcomers that wait, and further ones that would have to. For the shutdown.
    pub fn end_admission(&self) {
        self.admission.cancel();
    }

    /// Returns the number of rooms in memory.
    #[must_use]
    pub fn rooms_in_memory(&self) -> usize {
        self.lock().len()
    }

    /// Returns whether a room is in memory.
    #[must_use]
    pub fn is_in_memory(&self, room: &RoomId) -> bool {
        self.lock().contains_key(room)
    }

    /// Returns how many rooms have panicked since the start.
    #[must_use]
    pub fn room_panics(&self) -> u64 {
        self.metrics().rooms.panics.get()
    }

    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.settings.metrics
    }

    fn memory(&self) -> Arc<MemoryBudget> {
        Arc::clone(&self.metrics().memory)
    }

    /// Waits until every room has left memory. For the shutdown, after all sessions have ended.
    pub async fn drained(&self) {
        // Grace periods would keep rooms in memory.
        let rooms: Vec<_> = self.lock().values().cloned().collect();
        for room in rooms {
            // Fails for a room that has ended.
            let _ = room.send(Box::new(RoomCommand::EndGracePeriods)).await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn room(self: &Arc<Self>, id: &RoomId) -> Result<mpsc::Sender<Box<RoomCommand>>, JoinError> {
        let mut rooms = self.lock();
        // A closed room has panicked and is about to be removed.
        match rooms.get(id) {
            Some(room) if !room.is_closed() => return Ok(room.clone()),
            None if rooms.len() >= self.settings.rooms_max => return Err(JoinError::TooManyRooms),
            _ => {}
        }
        let (sender, inbox) = mpsc::channel(ROOM_INBOX_COMMANDS_MAX);
        rooms.insert(id.clone(), sender.clone());
        drop(rooms);
        let hub = Arc::clone(self);
        let id = id.clone();
        let identity = sender.downgrade();
        self.tasks.spawn(async move {
            let mut task = RoomTask::new(&hub, id.clone(), identity.clone());
            if AssertUnwindSafe(task.run(inbox)).catch_unwind().await.is_err() {
                hub.metrics().rooms.panics.inc();
                tracing::error!("a room panicked; its members are told to come back");
                hub.forget(&id, &identity);
            }
        });
        Ok(sender)
    }

    /// Removes an idle room, unless its inbox has a command. Returns whether it did.
    fn retire(&self, id: &RoomId, inbox: &mpsc::Receiver<Box<RoomCommand>>) -> bool {
        let mut rooms = self.lock();
        let retires = inbox.is_empty();
        if retires {
            rooms.remove(id);
        }
        retires
    }

    /// Removes a room that has panicked, unless a new one has replaced it.
    fn forget(&self, id: &RoomId, identity: &mpsc::WeakSender<Box<RoomCommand>>) {
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
        (serial, Pid::new(NODE, serial, self.settings.creation))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, mpsc::Sender<Box<RoomCommand>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops waiting for a room's answer. An answer that arrives at this moment still counts, because the
/// room has the member by then.
fn withdraw<T>(
    mut answer: oneshot::Receiver<Result<T, JoinError>>,
    error: JoinError,
) -> Result<Result<T, JoinError>, oneshot::error::RecvError> {
    answer.close();
    Ok(answer.try_recv().unwrap_or(Err(error)))
}

#[cfg(test)]
mod tests;
