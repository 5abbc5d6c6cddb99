//! All rooms that are in memory, and the way into them.
//!
//! A room's task starts when somebody enters and ends when nobody is there and nothing is under
//! way. Between the two, only the task touches the room; everybody else sends it inputs.

mod coming;
mod encode;
mod fanout;
mod greeting;
mod membership;
mod pages;
mod resumption;
mod room_task;
mod section;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use xmeet_shared::{CloseCode, Envelope, Pid, RoomId, ServerMessage};

use crate::clock::Clock;
use crate::history::{History, HistoryError};
use crate::limits::gate::Place;
use crate::limits::pace::Pace;
use crate::metrics::Metrics;
use crate::room::{Input, MemberKey};
use crate::ws::connection::Visitor;
use crate::ws::frame;
use crate::ws::keeper::Heartbeat;
use crate::ws::memory::FrameMemory;
use crate::ws::outbox::{Ending, Outbox};
pub use membership::{Membership, RoomEnded, Unsent};
use resumption::Newcomer;
use room_task::RoomTask;

/// Inputs that may wait for one room; further ones wait with their sessions, which stop reading
/// from their sockets meanwhile.
const ROOM_INBOX_INPUTS_MAX: usize = 512;

/// The node's number in its pids. There is one node.
const NODE: u32 = 0;

/// Rooms that a session tries to enter before it gives up. A room that leaves memory at that very
/// moment costs a try; so does one that panics before it answers.
const ENTER_TRIES_MAX: usize = 100;

/// What members are closed with when their room ends under them.
pub const ROOM_ENDED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the room was restarted: come back" };

/// What a connection is closed with that cannot be greeted.
pub const NO_HISTORY: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "the room's history cannot be read now: come back",
};

/// What a connection is closed with when another one takes its member over.
pub const TAKEN_OVER: Ending =
    Ending { code: CloseCode::TakenOver, reason: "taken over by another connection" };

/// What a room's task is sent.
#[derive(Debug)]
enum Envoy {
    /// Somebody comes in.
    Enter(Newcomer),
    /// A member does something.
    Do(Input),
    /// A member's connection has ended.
    Part { member: MemberKey, departure: Departure, pace: Pace },
    /// A page was read aside.
    PageRead(PageRead),
    /// Nobody will come back: the server ends.
    GiveUp,
}

/// How it is sent. Boxed, because a room's inbox has many places and mostly they are empty.
type Letter = Box<Envoy>;

/// A page for one member, on the connection that asked for it.
#[derive(Debug)]
struct PageRead {
    member: MemberKey,
    outbox: Arc<Outbox>,
    /// Its frame, in pieces.
    pieces: Vec<Bytes>,
}

/// How a member's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It said goodbye: it leaves at once.
    Left,
    /// It was lost: if it can come back, it is waited for.
    Lost,
}

/// Why nobody could come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// The room's history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Another connection came with the same token while this one waited.
    #[error("another connection took this one's place")]
    TakenOver,
    /// The room has as many members as it may have.
    #[error("the room is full")]
    RoomFull,
    /// There are as many rooms as there may be.
    #[error("there are too many rooms")]
    TooManyRooms,
}

/// What rooms are run by.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Messages kept for each room; with 0 the history is off.
    pub history_kept_messages: u64,
    /// How long a message is kept; `None` is for ever.
    pub history_kept_for: Option<Duration>,
    /// How long a member whose connection is lost is waited for.
    pub resume_grace: Duration,
    /// Rooms in memory.
    pub rooms_max: usize,
    /// Members of one room, those that are waited for included.
    pub members_per_room_max: usize,
    /// What makes this start's pids unlike those of all others.
    pub creation: u64,
    /// Changes when the store's ids start again.
    pub epoch: Arc<str>,
    /// Where it is counted what happens.
    pub metrics: Metrics,
}

/// The rooms. Shared by all sessions.
pub struct Hub {
    rooms: Mutex<HashMap<RoomId, mpsc::Sender<Letter>>>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) clock: Clock,
    settings: HubSettings,
    last_serial: AtomicU64,
    places: pages::Places,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("rooms", &self.rooms_in_memory()).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(history: Arc<dyn History>, clock: Clock, settings: HubSettings) -> Self {
        Self {
            rooms: Mutex::default(),
            history,
            clock,
            settings,
            last_serial: AtomicU64::new(0),
            places: pages::Places::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Enters a room, which is opened when it is not in memory. The greeting is in the outbox, or
    /// will be, before anything else of the room.
    ///
    /// # Errors
    /// [`EnterError`].
    pub async fn enter(
        self: &Arc<Self>,
        visitor: Visitor,
        outbox: &Arc<Outbox>,
        place: Option<&Arc<Place>>,
    ) -> Result<Membership, EnterError> {
        let Visitor { room: room_id, nickname, token } = visitor;
        for _ in 0..ENTER_TRIES_MAX {
            let room = self.room(&room_id)?;
            let (entered, answer) = oneshot::channel();
            let (nickname, token) = (nickname.clone(), token.clone());
            let (outbox, place) = (Arc::clone(outbox), place.map(Arc::clone));
            let newcomer = Newcomer { nickname, token, outbox, place, entered };
            if room.send(Box::new(Envoy::Enter(newcomer))).await.is_err() {
                continue;
            }
            // No answer: the room left memory in that very moment. The next one is new.
            if let Ok(answer) = answer.await {
                let (key, pid, pace) = answer?;
                return Ok(Membership::new(key, pid, pace, room));
            }
        }
        Err(EnterError::History(HistoryError::Closed))
    }

    /// What makes the heartbeat frames of a member.
    #[must_use]
    pub fn heartbeat(&self, xnest: RoomId, from: Pid) -> Heartbeat {
        let clock = self.clock.clone();
        Box::new(move || {
            let ts = clock.now();
            let (from, xnest, send_time) = (from.clone(), xnest.clone(), clock.moment(ts));
            let message = ServerMessage::Ping;
            let envelope = Envelope { from, xnest, message, send_time, ts: Some(ts) };
            frame::text(envelope.encode().as_bytes())
        })
    }

    /// How many rooms are in memory.
    #[must_use]
    pub fn rooms_in_memory(&self) -> usize {
        self.lock().len()
    }

    /// Whether a room is in memory.
    #[must_use]
    pub fn is_in_memory(&self, room: &RoomId) -> bool {
        self.lock().contains_key(room)
    }

    /// How many rooms have ended by a panic since the start.
    #[must_use]
    pub fn room_panics(&self) -> u64 {
        self.metrics().rooms.panics.get()
    }

    /// Where it is counted what happens.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.settings.metrics
    }

    fn memory(&self) -> Arc<FrameMemory> {
        Arc::clone(&self.metrics().frames)
    }

    /// Waits until every room has left memory. For the shutdown, when all sessions have ended.
    pub async fn drained(&self) {
        // A room would stay for as long as it waits for a member that was lost.
        let rooms: Vec<_> = self.lock().values().cloned().collect();
        for room in rooms {
            // One that has ended waits for nobody.
            let _ = room.send(Box::new(Envoy::GiveUp)).await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn room(self: &Arc<Self>, id: &RoomId) -> Result<mpsc::Sender<Letter>, EnterError> {
        let mut rooms = self.lock();
        // A closed one has panicked and is about to be taken out.
        match rooms.get(id) {
            Some(room) if !room.is_closed() => return Ok(room.clone()),
            None if rooms.len() >= self.settings.rooms_max => return Err(EnterError::TooManyRooms),
            _ => {}
        }
        let (sender, inbox) = mpsc::channel(ROOM_INBOX_INPUTS_MAX);
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

    /// Takes a room out that has nothing to do, unless something has come for it meanwhile.
    fn retire(&self, id: &RoomId, inbox: &mpsc::Receiver<Letter>) -> bool {
        let mut rooms = self.lock();
        let retires = inbox.is_empty();
        if retires {
            rooms.remove(id);
        }
        retires
    }

    /// Takes a room out that has panicked, unless a new one stands in its place.
    fn forget(&self, id: &RoomId, identity: &mpsc::WeakSender<Letter>) {
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

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, mpsc::Sender<Letter>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
