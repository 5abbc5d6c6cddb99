//! A well-behaved pair of members in one room, in a thread of its own: they talk at the pace of
//! people while others attack, and note how long each word takes and whether all of them come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::{End, Fleet, Listener, Wait, see};
use crate::histogram::Histogram;
use crate::text::Marked;

/// Somebody says something so often, the two in turn. It is far below what anybody may say.
const EVERY: Duration = Duration::from_millis(100);

/// A message's size, in bytes.
const TEXT_BYTES: usize = 128;

/// How long a turn may sleep.
const TURN_MAX: Duration = Duration::from_millis(1);

/// How long what is still on its way may take when all is over.
const LATE_MAX: Duration = Duration::from_secs(15);

/// How long the two may take to enter.
const ENTER_MAX: Duration = Duration::from_secs(15);

/// The frames of a greeting.
const GREETING_FRAMES: u32 = 4;

/// What goes on around the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nobody attacks.
    Calm,
    /// Everybody does.
    Attack,
    /// The pair may go.
    Over,
}

/// The phase, told to all threads.
#[derive(Default)]
pub(super) struct Shown(AtomicU8);

impl Shown {
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

/// What a pair has met with.
pub(super) struct Seen {
    pub(super) room: &'static str,
    /// Messages that the two have sent; each was to come to both.
    pub(super) sent: u64,
    /// From the moment a message was due to its arrival, while nobody attacked, and meanwhile.
    pub(super) calm: Histogram,
    pub(super) attack: Histogram,
    /// What went wrong, in words.
    pub(super) faults: Vec<String>,
}

/// Starts a pair; it is in its room when this returns.
pub(super) fn start(
    to: SocketAddr,
    room: &'static str,
    shown: Arc<Shown>,
) -> Result<JoinHandle<Result<Seen>>> {
    let mut pair = Pair::new(to, room)?;
    let entering = Instant::now();
    while pair.ears.iter().any(|ear| ear.frames < GREETING_FRAMES) {
        ensure!(entering.elapsed() < ENTER_MAX, "the pair of {room} could not enter");
        pair.turn()?;
    }
    Ok(std::thread::spawn(move || pair.talk(&shown)))
}

struct Pair {
    room: &'static str,
    fleet: Fleet,
    ears: Ears,
    /// Messages so far; the number decides when the next is due and who says it.
    said: u64,
}

/// What has come to the two.
struct Ears {
    ears: [Ear; 2],
    calm: Histogram,
    attack: Histogram,
    phase: Phase,
    faults: Vec<String>,
}

#[derive(Default)]
struct Ear {
    frames: u32,
    /// Of the pair's own messages: who said it, and its number among theirs.
    heard: Vec<(u32, u32)>,
    last_id: u64,
}

impl Ears {
    fn iter(&self) -> std::slice::Iter<'_, Ear> {
        self.ears.iter()
    }
}

impl Pair {
    fn new(to: SocketAddr, room: &'static str) -> Result<Self> {
        let mut fleet = Fleet::new(Wait::Sleep)?;
        for name in ["ann", "bob"] {
            fleet.dial(to, room, name)?;
        }
        let ears = Ears {
            ears: [Ear::default(), Ear::default()],
            calm: Histogram::new(),
            attack: Histogram::new(),
            phase: Phase::Calm,
            faults: Vec::new(),
        };
        Ok(Self { room, fleet, ears, said: 0 })
    }

    fn turn(&mut self) -> Result<()> {
        self.fleet.turn(TURN_MAX, &mut self.ears)
    }

    fn talk(mut self, shown: &Shown) -> Result<Seen> {
        let (start_ns, every_ns) = (self.fleet.now_ns(), EVERY.as_nanos() as u64);
        loop {
            self.ears.phase = shown.get();
            if self.ears.phase == Phase::Over {
                break;
            }
            let due_ns = start_ns + self.said * every_ns;
            if due_ns <= self.fleet.now_ns() {
                self.say(due_ns);
            }
            self.turn().context("the pair cannot go on")?;
        }
        let late = Instant::now();
        while self.is_something_missing() && late.elapsed() < LATE_MAX {
            self.turn()?;
        }
        Ok(self.finish())
    }

    fn say(&mut self, due_ns: u64) {
        let speaker = (self.said % 2) as u32;
        let sequence = u32::try_from(self.said / 2).unwrap_or(u32::MAX);
        let mut text = Vec::new();
        Marked { room: 0, sender: speaker, sequence, due_ns }.write(TEXT_BYTES, &mut text);
        self.fleet.send(speaker as usize, &text);
        self.said += 1;
    }

    fn is_something_missing(&self) -> bool {
        self.ears.iter().any(|ear| (ear.heard.len() as u64) < self.said)
    }

    /// Each ear must have every message once, those of one speaker in order, and both the same order.
    fn finish(self) -> Seen {
        let Self { room, ears, said, .. } = self;
        let Ears { ears: [one, other], calm, attack, mut faults, .. } = ears;
        for (name, ear) in [("ann", &one), ("bob", &other)] {
            let expected = |speaker: u64| (said + 1 - speaker) / 2;
            for speaker in 0..2 {
                let heard = ear.heard.iter().filter(|(from, _)| u64::from(*from) == speaker);
                let numbers: Vec<u64> = heard.map(|(_, number)| u64::from(*number)).collect();
                if numbers != (0..expected(speaker)).collect::<Vec<_>>() {
                    faults.push(format!(
                        "{name} heard {} of {} messages of member {speaker}, or not in order",
                        numbers.len(),
                        expected(speaker)
                    ));
                }
            }
        }
        if one.heard != other.heard {
            faults.push("the two heard another order".to_owned());
        }
        Seen { room, sent: said, calm, attack, faults }
    }
}

impl Listener for Ears {
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64) {
        let ear = &mut self.ears[connection];
        ear.frames = ear.frames.saturating_add(1);
        // What others say may be anything.
        let Some(seen) = see(frame) else { return };
        if let Some(id) = seen.id {
            if id <= ear.last_id {
                self.faults.push(format!("the id {id} came behind {}", ear.last_id));
            }
            ear.last_id = id;
        }
        let Some(message) = Marked::read(seen.text, TEXT_BYTES) else { return };
        ear.heard.push((message.sender, message.sequence));
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
