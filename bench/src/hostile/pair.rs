//! A well-behaved pair of members in one room, in a thread of its own. They send at the pace of people
//! while others attack, and check latency, order and completeness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::{End, Fleet, Listener, Wait, parts_of};
use crate::histogram::Histogram;
use crate::text::Marked;

/// The time between two messages, sent in turn. It is far below the rate limit.
const EVERY: Duration = Duration::from_millis(100);

/// A message's size, in bytes.
const TEXT_BYTES: usize = 128;

/// The longest sleep of a turn.
const TURN_MAX: Duration = Duration::from_millis(1);

/// How long messages in flight may take after the last phase.
const LATE_MAX: Duration = Duration::from_secs(15);

/// How long the two may take to join.
const ENTER_MAX: Duration = Duration::from_secs(15);

/// The frames of a greeting.
const GREETING_FRAMES: u32 = 4;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// No attack.
    Calm,
    /// The attack.
    Attack,
    /// The pair leaves.
    Over,
}

/// The phase, shared by all threads.
#[derive(Default)]
pub(super) struct SharedPhase(AtomicU8);

impl SharedPhase {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::SeqCst);
    }

    fn get(&self) -> Phase {
        match self.0.load(Ordering::SeqCst) {
            0 => Phase::Calm,
            1 => Phase::Attack,
            _ => Phase::Over,
        }
    }
}

/// The results of a pair.
pub(super) struct PairResult {
    pub(super) room: &'static str,
    /// Messages that the two sent. Both must receive each of them.
    pub(super) sent: u64,
    /// Latencies from due time to arrival, without an attack and during it.
    pub(super) calm: Histogram,
    pub(super) attack: Histogram,
    /// Faults, in words.
    pub(super) faults: Vec<String>,
}

/// Starts a pair, and returns once both are in the room.
pub(super) fn start(
    to: SocketAddr,
    room: &'static str,
    phase: Arc<SharedPhase>,
) -> Result<JoinHandle<Result<PairResult>>> {
    let mut pair = Pair::new(to, room)?;
    let entering = Instant::now();
    while pair.listener.iter().any(|member| member.frames < GREETING_FRAMES) {
        ensure!(entering.elapsed() < ENTER_MAX, "the pair of {room} could not join");
        pair.turn()?;
    }
    Ok(std::thread::spawn(move || pair.run(&phase)))
}

struct Pair {
    room: &'static str,
    fleet: Fleet,
    listener: PairListener,
    /// Messages sent so far. The number determines time and sender of the next.
    sent: u64,
}

/// The messages that the two received.
struct PairListener {
    members: [Received; 2],
    calm: Histogram,
    attack: Histogram,
    phase: Phase,
    faults: Vec<String>,
}

#[derive(Default)]
struct Received {
    frames: u32,
    /// The pair's own messages: sender, and number among the sender's.
    messages: Vec<(u32, u32)>,
    last_id: u64,
}

impl PairListener {
    fn iter(&self) -> std::slice::Iter<'_, Received> {
        self.members.iter()
    }
}

impl Pair {
    fn new(to: SocketAddr, room: &'static str) -> Result<Self> {
        let mut fleet = Fleet::new(Wait::Sleep)?;
        for name in ["ann", "bob"] {
            fleet.dial(to, room, name)?;
        }
        let listener = PairListener {
            members: [Received::default(), Received::default()],
            calm: Histogram::new(),
            attack: Histogram::new(),
            phase: Phase::Calm,
            faults: Vec::new(),
        };
        Ok(Self { room, fleet, listener, sent: 0 })
    }

    fn turn(&mut self) -> Result<()> {
        self.fleet.turn(TURN_MAX, &mut self.listener)
    }

    fn run(mut self, phase: &SharedPhase) -> Result<PairResult> {
        let (start_ns, every_ns) = (self.fleet.now_ns(), EVERY.as_nanos() as u64);
        loop {
            self.listener.phase = phase.get();
            if self.listener.phase == Phase::Over {
                break;
            }
            let due_ns = start_ns + self.sent * every_ns;
            if due_ns <= self.fleet.now_ns() {
                self.send(due_ns);
            }
            self.turn().context("polling for the pair failed")?;
        }
        let late = Instant::now();
        while self.is_message_missing() && late.elapsed() < LATE_MAX {
            self.turn()?;
        }
        Ok(self.finish())
    }

    fn send(&mut self, due_ns: u64) {
        let sender = (self.sent % 2) as u32;
        let sequence = u32::try_from(self.sent / 2).unwrap_or(u32::MAX);
        let mut text = Vec::new();
        Marked { room: 0, sender, sequence, due_ns }.write(TEXT_BYTES, &mut text);
        self.fleet.send(sender as usize, &text);
        self.sent += 1;
    }

    fn is_message_missing(&self) -> bool {
        self.listener.iter().any(|member| (member.messages.len() as u64) < self.sent)
    }

    /// Checks that each member received every message once, those of one sender in order, and both in the
    /// same order.
    fn finish(self) -> PairResult {
        let Self { room, listener, sent, .. } = self;
        let PairListener { members: [one, other], calm, attack, mut faults, .. } = listener;
        for (name, member) in [("ann", &one), ("bob", &other)] {
            let expected = |sender: u64| (sent + 1 - sender) / 2;
            for sender in 0..2 {
                let messages =
                    member.messages.iter().filter(|(from, _)| u64::from(*from) == sender);
                let numbers: Vec<u64> = messages.map(|(_, number)| u64::from(*number)).collect();
                if numbers != (0..expected(sender)).collect::<Vec<_>>() {
                    faults.push(format!(
                        "{name} received {} of {} messages of member {sender}, or not in order",
                        numbers.len(),
                        expected(sender)
                    ));
                }
            }
        }
        if one.messages != other.messages {
            faults.push("the two received messages in different orders".to_owned());
        }
        PairResult { room, sent, calm, attack, faults }
    }
}

impl Listener for PairListener {
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64) {
        let member = &mut self.members[connection];
        member.frames = member.frames.saturating_add(1);
        // Messages of attackers may be anything.
        let Some(parts) = parts_of(frame) else { return };
        if let Some(id) = parts.id {
            if id <= member.last_id {
                self.faults.push(format!("the id {id} is not above {}", member.last_id));
            }
            member.last_id = id;
        }
        let Some(message) = Marked::read(parts.text, TEXT_BYTES) else { return };
        member.messages.push((message.sender, message.sequence));
        let took_ns = at_ns.saturating_sub(message.due_ns);
        match self.phase {
            Phase::Calm | Phase::Over => self.calm.record(took_ns),
            Phase::Attack => self.attack.record(took_ns),
        }
    }

    fn ended(&mut self, connection: usize, end: End) {
        self.faults.push(format!("the connection of member {connection} ended: {end:?}"));
    }
}
