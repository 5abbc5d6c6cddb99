//! Checks every connection from one task: pings silent clients, closes connections without a pong,
//! sends heartbeats, enforces each connection's share of memory under pressure, and asks all
//! connections to close at a shutdown. So an idle connection needs no timer of its own.

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

/// The time between two rounds of checks. All time-outs here have this precision.
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

/// Slots of the timer wheel, one for each of the next ticks. If a check is due later than the last slot,
/// it runs earlier, finds nothing to do, and is scheduled again.
const WHEEL_SLOTS: usize = 32;

/// After this many checks, the task lets other tasks run.
const CHECKS_PER_TURN: usize = 64;

const SILENT: CloseReason =
    CloseReason { code: CloseCode::TryAgainLater, reason: "no answer to a ping: come back" };

const CHECK_PANICKED: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the connection was restarted: come back",
};

/// The keepalive of all connections. All sessions share it.
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
    /// Set at a shutdown: every connection is asked to close for this reason.
    close_reason: Option<CloseReason>,
}

/// The checks of one tick. If a check panics, dropping the round puts the remaining checks back into the
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

/// Fields of a connection with heartbeats or with an unanswered ping.
#[derive(Default)]
struct Extras {
    heartbeat: Option<HeartbeatState>,
    unanswered_ping: Option<UnansweredPing>,
}

/// The heartbeats of a client that asked for them.
struct HeartbeatState {
    /// Returns the frame of the next heartbeat.
    make_frame: Heartbeat,
    latest_tick: u32,
}

/// A ping that the client has not answered.
struct UnansweredPing {
    /// The start of the wait for the pong.
    start_tick: u32,
    /// The tick at which the server last received something before the ping.
    received_tick: u32,
    /// The bytes written to the client at `start_tick`, and whether there was a backlog then.
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

    /// Adds a connection to the checks. The connection is removed after its outbox has closed.
    /// `heartbeat` makes the heartbeats, for a client that asked for them.
    pub fn add_connection(&self, outbox: &Arc<Outbox>, heartbeat: Option<Heartbeat>) {
        let now = self.now();
        outbox.note_received(now);
        let extras = heartbeat.map(|make_frame| {
            let heartbeat = Some(HeartbeatState { make_frame, latest_tick: now });
            Box::new(Extras { heartbeat, unanswered_ping: None })
        });
        self.schedule(now, Check { outbox: Arc::clone(outbox), extras });
    }

    /// Schedules a connection's next check. During a shutdown it also asks the connection to close:
    /// [`Self::close_all`] missed the connection if it is new or was being checked.
    fn schedule(&self, now: u32, check: Check) {
        let mut wheel = self.lock();
        if let Some(close_reason) = wheel.close_reason {
            check.outbox.request_close(close_reason);
        }
        wheel.insert(check.next_tick(now, self.timeouts), check);
    }

    /// Notes that something was received from a client.
    pub fn note_received(&self, outbox: &Outbox) {
        outbox.note_received(self.now());
    }

    /// Asks every connection to close, including connections that are added later.
    pub fn close_all(&self, close_reason: CloseReason) {
        let mut wheel = self.lock();
        wheel.close_reason = Some(close_reason);
        for check in wheel.slots.iter().flatten() {
            check.outbox.request_close(close_reason);
        }
    }

    /// Checks every connection when its check is due. Never returns.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.now_tick.fetch_add(1, Ordering::Relaxed) + 1;

            // 1. Enforce the shares of the memory budget, which shrink under pressure.
            if self.incoming.budget().is_under_pressure() {
                self.incoming.enforce_share();
                self.enforce_shares();
            }

            // 2. Run all checks that are due. A check stays in the round while it runs: if it panics,
            //    the drop of the round closes its connection.
            let mut round = Round { keepalive: self, now, due: VecDeque::new() };
            round.due.extend(mem::take(&mut self.lock().slots[slot(now)]));
            let mut check_count = 0;
            while let Some(check) = round.due.front_mut() {
                let is_open = check.run(now, self.timeouts);
                let checked = round.due.pop_front();
                if is_open && let Some(check) = checked {
                    self.schedule(now, check);
                }
                check_count += 1;
                if check_count % CHECKS_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Closes the connections whose backlogs exceed their share of the memory budget.
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

/// Returns the index of the wheel's slot for a tick.
fn slot(tick: u32) -> usize {
    tick as usize % WHEEL_SLOTS
}

impl Wheel {
    fn insert(&mut self, tick: u32, check: Check) {
        self.slots[slot(tick)].push(check);
    }
}

impl Drop for Round<'_> {
    /// Puts the remaining checks back into the wheel. If a check panicked, closes its connection.
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(check) = self.due.pop_front()
        {
            // The first check is the one that panicked, and it would panic again.
            check.outbox.close_with(CHECK_PANICKED);
        }
        for check in self.due.drain(..) {
            self.keepalive.schedule(self.now, check);
        }
    }
}

impl Check {
    /// Sends a heartbeat or a ping if one is due, and closes the connection if its client has not
    /// answered the ping in time. Returns whether the connection is still open.
    fn run(&mut self, now: u32, timeouts: KeepaliveTimeouts) -> bool {
        if self.outbox.is_closed() {
            return false;
        }
        if let Some(extras) = &mut self.extras {
            extras.send_due_heartbeat(&self.outbox, now);
            if extras.check_pong_overdue(&self.outbox, now, timeouts) {
                self.outbox.close_with(SILENT);
                return false;
            }
        }
        self.ping_if_silent(now, timeouts);
        self.extras
            .take_if(|extras| extras.heartbeat.is_none() && extras.unanswered_ping.is_none());
        true
    }

    /// Sends a ping if nothing was received for some time and no earlier ping is unanswered.
    fn ping_if_silent(&mut self, now: u32, timeouts: KeepaliveTimeouts) {
        let outbox = &self.outbox;
        let is_pinged = self.extras.as_ref().is_some_and(|extras| extras.unanswered_ping.is_some());
        let received_tick = outbox.received_tick();
        if is_pinged || now - received_tick < timeouts.ping_after_ticks {
            return;
        }
        outbox.send_control(frame::ping());
        let ping = UnansweredPing {
            start_tick: now,
            received_tick,
            written_bytes: outbox.written_bytes(),
            was_backlogged: outbox.is_backlogged(),
        };
        self.extras.get_or_insert_default().unanswered_ping = Some(ping);
    }

    /// Returns the tick of the next check, which is always within the slots of the wheel.
    fn next_tick(&self, now: u32, timeouts: KeepaliveTimeouts) -> u32 {
        let extras = self.extras.as_deref();
        let silence_tick = match extras.and_then(|extras| extras.unanswered_ping.as_ref()) {
            Some(ping) => ping.start_tick + timeouts.pong_within_ticks,
            None => self.outbox.received_tick() + timeouts.ping_after_ticks,
        };
        let due_tick = match extras.and_then(|extras| extras.heartbeat.as_ref()) {
            Some(heartbeat) => silence_tick.min(heartbeat.latest_tick + HEARTBEAT_EVERY_TICKS),
            None => silence_tick,
        };
        due_tick.clamp(now + 1, now + WHEEL_SLOTS as u32 - 1)
    }
}

impl Extras {
    /// Sends a heartbeat if one is due. The greeting is always the client's first frame, so no heartbeat
    /// is sent before it.
    fn send_due_heartbeat(&mut self, outbox: &Outbox, now: u32) {
        if let Some(heartbeat) = &mut self.heartbeat
            && now - heartbeat.latest_tick >= HEARTBEAT_EVERY_TICKS
            && outbox.is_greeted()
            && let Some(frame) = (heartbeat.make_frame)()
        {
            heartbeat.latest_tick = now;
            outbox.send(&[frame]);
        }
    }

    /// Returns whether the client has missed the deadline of its pong. Anything that the client sends
    /// counts as a pong, and this function then forgets the ping. It extends the deadline if the client
    /// cannot have answered yet.
    fn check_pong_overdue(
        &mut self,
        outbox: &Outbox,
        now: u32,
        timeouts: KeepaliveTimeouts,
    ) -> bool {
        let Some(ping) = &mut self.unanswered_ping else { return false };
        if ping.received_tick != outbox.received_tick() {
            self.unanswered_ping = None;
            return false;
        }
        let is_past_deadline = now - ping.start_tick >= timeouts.pong_within_ticks;
        is_past_deadline && !ping.try_extend_deadline(outbox, now)
    }
}

impl UnansweredPing {
    /// Extends the deadline of the pong if the client cannot have answered yet: it is still receiving
    /// the backlog ahead of the ping, or the session is not reading from the client. Returns whether the
    /// deadline was extended.
    ///
    /// Without a backlog, written bytes do not show that a client is alive: the system's socket buffer
    /// takes bytes for a dead client too.
    fn try_extend_deadline(&mut self, outbox: &Outbox, now: u32) -> bool {
        let (written_bytes, is_backlogged) = (outbox.written_bytes(), outbox.is_backlogged());
        let is_receiving_backlog =
            written_bytes != self.written_bytes && (is_backlogged || self.was_backlogged);
        if !is_receiving_backlog && !outbox.is_reading_paused() {
            return false;
        }
        self.start_tick = now;
        (self.written_bytes, self.was_backlogged) = (written_bytes, is_backlogged);
        true
    }
}

impl std::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let connections = self.slots.iter().map(Vec::len).sum::<usize>();
        f.debug_struct("Wheel").field("connections", &connections).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "keepalive_test.rs"]
mod tests;
