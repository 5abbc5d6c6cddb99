//! Keeps an eye on every connection: pings the silent ones, ends those that do not answer and, when
//! memory is tight, those for which too much waits, sends the heartbeat to those that asked for it,
//! and says goodbye to all. One task for all of them, so
//! that an idle connection costs a visit now and then and no timer of its own.

use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::MissedTickBehavior;
use xmeet_shared::CloseCode;

use super::frame;
use super::memory::FrameMemory;
use super::outbox::{Ending, Outbox};
use crate::config::limits::{PING_SECONDS_DEFAULT, PONG_SECONDS_DEFAULT};

/// How often the keeper looks, which is also how exact its times are.
const TICK: Duration = Duration::from_secs(1);

/// When silent clients are pinged and ended. A tick is a second.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// After so many ticks without a word from the client it is pinged.
    pub ping_after_ticks: u32,
    /// A client that does not answer a ping for so many ticks is gone.
    pub pong_within_ticks: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { ping_after_ticks: PING_SECONDS_DEFAULT, pong_within_ticks: PONG_SECONDS_DEFAULT }
    }
}

/// Between two heartbeats; the protocol promises one every 25 s at least.
const HEARTBEAT_EVERY_TICKS: u32 = 20;

/// Slots of the wheel. A visit that is further ahead is paid early, finds nothing to do, and is put
/// off.
const WHEEL_SLOTS: usize = 32;

/// Connections that are visited before other tasks get a turn.
const VISITS_PER_TURN: usize = 64;

const SILENT: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "no answer to a ping: come back" };

/// Makes a client's heartbeat frame.
pub type Heartbeat = Box<dyn Fn() -> Bytes + Send + Sync>;

/// The keeper. Shared by all sessions.
#[derive(Debug, Default)]
pub struct Keeper {
    patience: Patience,
    memory: Arc<FrameMemory>,
    now_tick: AtomicU32,
    wheel: Mutex<Wheel>,
}

#[derive(Default)]
struct Wheel {
    /// What is to be visited at a tick is in the slot of that tick, modulo their number.
    slots: [Vec<Visit>; WHEEL_SLOTS],
    goodbye: Option<Ending>,
}

/// What the keeper knows of a connection. There are thousands, so what few need is boxed.
struct Visit {
    outbox: Arc<Outbox>,
    special: Option<Box<Special>>,
}

/// What makes a connection different from most.
#[derive(Default)]
struct Special {
    beat: Option<Beat>,
    pinged: Option<Pinged>,
}

/// The heartbeat of a client that asked for it.
struct Beat {
    heartbeat: Heartbeat,
    latest_tick: u32,
}

/// A ping that is not answered.
struct Pinged {
    tick: u32,
    /// When the client was last heard before it.
    heard_tick: u32,
    /// What was written by then, and whether more waited.
    written_bytes: u64,
    was_behind: bool,
}

impl Keeper {
    /// A keeper who watches nobody yet.
    #[must_use]
    pub fn new(patience: Patience, memory: Arc<FrameMemory>) -> Self {
        Self { patience, memory, ..Self::default() }
    }

    /// Takes a connection into its care.
    pub fn watch(&self, outbox: &Arc<Outbox>, heartbeat: Option<Heartbeat>) {
        let now = self.now();
        outbox.note_heard(now);
        let special = heartbeat.map(|heartbeat| {
            let beat = Some(Beat { heartbeat, latest_tick: now });
            Box::new(Special { beat, pinged: None })
        });
        self.put(now, Visit { outbox: Arc::clone(outbox), special });
    }

    /// Puts a connection into the wheel. One that was not in it when all were asked to end, because
    /// it is new or was just being visited, is asked now.
    fn put(&self, now: u32, visit: Visit) {
        let mut wheel = self.lock();
        if let Some(goodbye) = wheel.goodbye {
            visit.outbox.ask_to_end(goodbye);
        }
        wheel.put(visit.next_tick(now, self.patience), visit);
    }

    /// Says that a client lives.
    pub fn heard(&self, outbox: &Outbox) {
        outbox.note_heard(self.now());
    }

    /// Asks every connection to end, those that are still to come as well.
    pub fn end_all(&self, goodbye: Ending) {
        let mut wheel = self.lock();
        wheel.goodbye = Some(goodbye);
        for visit in wheel.slots.iter().flatten() {
            visit.outbox.ask_to_end(goodbye);
        }
    }

    /// Makes the rounds, for ever.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.now_tick.fetch_add(1, Ordering::Relaxed) + 1;
            if self.memory.is_tight() {
                self.keep_all_to_their_shares();
            }
            let due = mem::take(&mut self.lock().slots[slot(now)]);
            for (number, mut visit) in due.into_iter().enumerate() {
                if number % VISITS_PER_TURN == VISITS_PER_TURN - 1 {
                    tokio::task::yield_now().await;
                }
                if visit.pay(now, self.patience) {
                    self.put(now, visit);
                }
            }
        }
    }

    fn keep_all_to_their_shares(&self) {
        for visit in self.lock().slots.iter().flatten() {
            visit.outbox.keep_to_share();
        }
    }

    fn now(&self) -> u32 {
        self.now_tick.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Wheel> {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(tick: u32) -> usize {
    tick as usize % WHEEL_SLOTS
}

impl Wheel {
    fn put(&mut self, tick: u32, visit: Visit) {
        self.slots[slot(tick)].push(visit);
    }
}

impl Visit {
    /// Does what is due. False when the connection is over.
    fn pay(&mut self, now: u32, patience: Patience) -> bool {
        let outbox = &self.outbox;
        if outbox.is_over() {
            return false;
        }
        if let Some(special) = &mut self.special {
            if let Some(beat) = &mut special.beat
                && now - beat.latest_tick >= HEARTBEAT_EVERY_TICKS
                // A greeting that waits for the store comes before anything else.
                && outbox.is_greeted()
            {
                beat.latest_tick = now;
                outbox.send(&[(beat.heartbeat)()]);
            }
            if let Some(pinged) = &mut special.pinged {
                if pinged.heard_tick != outbox.heard_tick() {
                    special.pinged = None;
                } else if now - pinged.tick >= patience.pong_within_ticks
                    && !pinged.is_excused(outbox, now)
                {
                    outbox.end(SILENT);
                    return false;
                }
            }
        }
        let is_pinged = self.special.as_ref().is_some_and(|special| special.pinged.is_some());
        let heard_tick = outbox.heard_tick();
        if !is_pinged && now - heard_tick >= patience.ping_after_ticks {
            outbox.send(&[frame::ping()]);
            let (written_bytes, was_behind) = (outbox.written_bytes(), outbox.is_behind());
            let pinged = Pinged { tick: now, heard_tick, written_bytes, was_behind };
            self.special.get_or_insert_default().pinged = Some(pinged);
        }
        self.special.take_if(|special| special.beat.is_none() && special.pinged.is_none());
        true
    }

    fn next_tick(&self, now: u32, patience: Patience) -> u32 {
        let special = self.special.as_deref();
        let silence_tick = match special.and_then(|special| special.pinged.as_ref()) {
            Some(pinged) => pinged.tick + patience.pong_within_ticks,
            None => self.outbox.heard_tick() + patience.ping_after_ticks,
        };
        let next = match special.and_then(|special| special.beat.as_ref()) {
            Some(beat) => silence_tick.min(beat.latest_tick + HEARTBEAT_EVERY_TICKS),
            None => silence_tick,
        };
        next.clamp(now + 1, now + WHEEL_SLOTS as u32 - 1)
    }
}

impl Pinged {
    /// Whoever still takes in what waits cannot answer yet, and whose answer the server itself does not
    /// read yet is not to blame: both get as long again. Where nothing
    /// waits, that bytes are taken means nothing: the system takes them for the gone as well.
    fn is_excused(&mut self, outbox: &Outbox, now: u32) -> bool {
        let (written_bytes, is_behind) = (outbox.written_bytes(), outbox.is_behind());
        let is_moving = written_bytes != self.written_bytes;
        if !outbox.awaits_server() && !(is_moving && (is_behind || self.was_behind)) {
            return false;
        }
        self.tick = now;
        (self.written_bytes, self.was_behind) = (written_bytes, is_behind);
        true
    }
}

impl std::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let watched = self.slots.iter().map(Vec::len).sum::<usize>();
        f.debug_struct("Wheel").field("watched", &watched).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "keeper_test.rs"]
mod tests;
