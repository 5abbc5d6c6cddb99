//! Checks every connection from one task: pings silent clients, closes connections without a pong,
//! sends heartbeats, enforces each connection's share of memory under pressure, and asks all
//! connections to close at a shutdown. An idle connection so needs no timer of its own.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use xmeet_shared::CloseCode;

use super::incoming::Incoming;
use crate::config::limits::{PING_SECONDS_DEFAULT, PONG_SECONDS_DEFAULT};
use crate::hub::Heartbeat;
use crate::wire::budget::MemoryBudget;
use crate::wire::frame;
use crate::wire::outbox::{CloseReason, Outbox};

/// The time of one tick, which is also the precision of all time-outs here.
const TICK: Duration = Duration::from_secs(1);

/// The time-outs of silent clients, in ticks of one second.
#[derive(Debug, Clone, Copy)]
pub struct KeepaliveTimeouts {
    /// Silence before a ping.
    pub ping_after_ticks: u32,
    /// Time from the ping to the close, if nothing is received.
    pub pong_within_ticks: u32,
}

impl Default for KeepaliveTimeouts {
    fn default() -> Self {
        Self { ping_after_ticks: PING_SECONDS_DEFAULT, pong_within_ticks: PONG_SECONDS_DEFAULT }
    }
}

/// Time between two heartbeats. The protocol promises one at least every 25 s.
const HEARTBEAT_EVERY_TICKS: u32 = 20;

/// Slots of the timer wheel. A check that is due later than this many ticks is made earlier, finds
/// nothing to do, and is rescheduled.
const WHEEL_SLOTS: usize = 32;

/// Checks after which the task yields.
const CHECKS_PER_TURN: usize = 64;

const SILENT: CloseReason =
    CloseReason { code: CloseCode::TryAgainLater, reason: "no answer to a ping: come back" };

const CHECK_PANICKED: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the connection was restarted: come back",
};

/// The keepalive of all connections. Shared by all sessions.
#[derive(Debug, Default)]
pub struct Keepalive {
    timeouts: KeepaliveTimeouts,
    incoming: Arc<Incoming>,
    now_tick: AtomicU32,
    wheel: Mutex<Wheel>,
}

#[derive(Default)]
struct Wheel {
    /// The checks due at a tick are in the slot of that tick modulo the number of slots.
    slots: [Vec<Check>; WHEEL_SLOTS],
    /// Set at a shutdown.
    close_reason: Option<CloseReason>,
}

/// The checks of one tick. If it is dropped early, as by a panic, the remaining checks return to the
/// wheel.
struct Round<'a> {
    keepalive: &'a Keepalive,
    now: u32,
    due: VecDeque<Check>,
}

/// The next check of a connection. Fields that few connections need are boxed.
struct Check {
    outbox: Arc<Outbox>,
    extras: Option<Box<Extras>>,
}

/// Set for a connection with heartbeats or with a ping that is not answered.
#[derive(Default)]
struct Extras {
    beat: Option<HeartbeatState>,
    pinged: Option<Pinged>,
}

/// The heartbeats of a client that asked for them.
struct HeartbeatState {
    heartbeat: Heartbeat,
    latest_tick: u32,
}

/// A ping that was sent and not answered.
struct Pinged {
    tick: u32,
    /// When something was last received before the ping.
    received_tick: u32,
    /// Bytes written until then, and whether more waited.
    written_bytes: u64,
    was_backlogged: bool,
}

impl Keepalive {
    /// Creates a keepalive without connections.
    #[must_use]
    pub fn new(timeouts: KeepaliveTimeouts, budget: Arc<MemoryBudget>) -> Self {
        Self { timeouts, incoming: Arc::new(Incoming::new(budget)), ..Self::default() }
    }

    /// Returns the memory of incoming messages, of all connections.
    #[must_use]
    pub fn incoming(&self) -> &Arc<Incoming> {
        &self.incoming
    }

    /// Adds a connection. It is removed once its outbox has closed.
    pub fn add_connection(&self, outbox: &Arc<Outbox>, heartbeat: Option<Heartbeat>) {
        let now = self.now();
        outbox.note_received(now);
        let extras = heartbeat.map(|heartbeat| {
            let beat = Some(HeartbeatState { heartbeat, latest_tick: now });
            Box::new(Extras { beat, pinged: None })
        });
        self.schedule(now, Check { outbox: Arc::clone(outbox), extras });
    }

    /// Schedules a connection's next check. During a shutdown it asks the connection to close: the
    /// connection may be new, or was being checked when all others were asked.
    fn schedule(&self, now: u32, check: Check) {
        let mut wheel = self.lock();
        if let Some(close_reason) = wheel.close_reason {
            check.outbox.request_close(close_reason);
        }
        wheel.put(check.next_tick(now, self.timeouts), check);
    }

    /// Notes that something was received from a client.
    pub fn note_received(&self, outbox: &Outbox) {
        outbox.note_received(self.now());
    }

    /// Asks every connection to close, including later ones.
    pub fn close_all(&self, close_reason: CloseReason) {
        let mut wheel = self.lock();
        wheel.close_reason = Some(close_reason);
        for check in wheel.slots.iter().flatten() {
            check.outbox.request_close(close_reason);
        }
    }

    /// Makes the checks, for ever.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.now_tick.fetch_add(1, Ordering::Relaxed) + 1;
            if self.incoming.budget().is_under_pressure() {
                self.incoming.enforce_share();
                self.enforce_shares();
            }
            let mut round = Round { keepalive: self, now, due: VecDeque::new() };
            round.due.extend(mem::take(&mut self.lock().slots[slot(now)]));
            let mut checks = 0;
            while let Some(check) = round.due.front_mut() {
                let is_open = check.run(now, self.timeouts);
                if let Some(check) = round.due.pop_front().filter(|_| is_open) {
                    self.schedule(now, check);
                }
                checks += 1;
                if checks % CHECKS_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn enforce_shares(&self) {
        for check in self.lock().slots.iter().flatten() {
            check.outbox.enforce_share();
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
    fn put(&mut self, tick: u32, check: Check) {
        self.slots[slot(tick)].push(check);
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(check) = self.due.pop_front()
        {
            // This check panicked and would panic again.
            check.outbox.close_with(CHECK_PANICKED);
        }
        for check in self.due.drain(..) {
            self.keepalive.schedule(self.now, check);
        }
    }
}

impl Check {
    /// Performs the due action. Returns whether the connection is still open.
    fn run(&mut self, now: u32, timeouts: KeepaliveTimeouts) -> bool {
        let outbox = &self.outbox;
        if outbox.is_closed() {
            return false;
        }
        if let Some(extras) = &mut self.extras {
            if let Some(beat) = &mut extras.beat
                && now - beat.latest_tick >= HEARTBEAT_EVERY_TICKS
                // The greeting is always the first.
                && outbox.is_greeted()
                && let Some(frame) = (beat.heartbeat)()
            {
                beat.latest_tick = now;
                outbox.send(&[frame]);
            }
            if let Some(pinged) = &mut extras.pinged {
                if pinged.received_tick != outbox.received_tick() {
                    extras.pinged = None;
                } else if now - pinged.tick >= timeouts.pong_within_ticks
                    && !pinged.extend_deadline(outbox, now)
                {
                    outbox.close_with(SILENT);
                    return false;
                }
            }
        }
        let is_pinged = self.extras.as_ref().is_some_and(|extras| extras.pinged.is_some());
        let received_tick = outbox.received_tick();
        if !is_pinged && now - received_tick >= timeouts.ping_after_ticks {
            outbox.send_control(frame::ping());
            let (written_bytes, was_backlogged) = (outbox.written_bytes(), outbox.is_backlogged());
            let pinged = Pinged { tick: now, received_tick, written_bytes, was_backlogged };
            self.extras.get_or_insert_default().pinged = Some(pinged);
        }
        self.extras.take_if(|extras| extras.beat.is_none() && extras.pinged.is_none());
        true
    }

    fn next_tick(&self, now: u32, timeouts: KeepaliveTimeouts) -> u32 {
        let extras = self.extras.as_deref();
        let silence_tick = match extras.and_then(|extras| extras.pinged.as_ref()) {
            Some(pinged) => pinged.tick + timeouts.pong_within_ticks,
            None => self.outbox.received_tick() + timeouts.ping_after_ticks,
        };
        let next = match extras.and_then(|extras| extras.beat.as_ref()) {
            Some(beat) => silence_tick.min(beat.latest_tick + HEARTBEAT_EVERY_TICKS),
            None => silence_tick,
        };
        next.clamp(now + 1, now + WHEEL_SLOTS as u32 - 1)
    }
}

impl Pinged {
    /// Extends the deadline of the pong if the client is still receiving its backlog, behind which the
    /// ping stands, or if the session is not reading from it. Returns whether it did. Without a
    /// backlog, written bytes prove nothing: the kernel buffers for dead peers too.
    fn extend_deadline(&mut self, outbox: &Outbox, now: u32) -> bool {
        let (written_bytes, is_backlogged) = (outbox.written_bytes(), outbox.is_backlogged());
        let is_moving = written_bytes != self.written_bytes;
        if !outbox.is_reading_paused() && !(is_moving && (is_backlogged || self.was_backlogged)) {
            return false;
        }
        self.tick = now;
        (self.written_bytes, self.was_backlogged) = (written_bytes, is_backlogged);
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
#[path = "keepalive_test.rs"]
mod tests;
