//! Decides what to do about the connection: a pure state machine. Time, jitter and everything that
//! happens come in as values; what is to be done comes out as an [`Effect`].

use xmeet_shared::CloseCode;

use super::backoff::{WAIT_MS_MAX, wait_ms};
use super::clock::Millis;
use super::transfer::TransferMonitor;

/// An idle line is probed after this time: the server's heartbeat, every 25 s at the latest, is
/// overdue.
const SILENCE_MS: Millis = 30_000;

/// How long the answer to a probe may take beyond what the line is busy with. Then the socket counts
/// as dead, whatever its `readyState` says.
const ANSWER_MS: Millis = 3_000;

/// An idle line is probed after this time while something that was sent has not come back.
const UNANSWERED_MS: Millis = 2_000;

/// An idle line is dead after this time, without a probe: the page slept.
const DEAD_MS: Millis = 40_000;

/// A page hidden for longer than this probes when it is seen again.
const HIDDEN_MS: Millis = 60_000;

/// How long a new socket may take from opening to the end of the greeting, beyond the time that
/// the greeting's bytes may take.
const GREETING_MS: Millis = 15_000;

/// A connection that lasted this long was a good one: the next loss starts with the shortest wait.
const GOOD_MS: Millis = 10_000;

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A socket is opening, or its greeting is awaited.
    Connecting,
    /// Greeted: what is sent goes out, what happens comes in.
    Connected,
    /// The browser says that there is no network. It may be wrong, so a try follows all the same.
    Offline {
        /// When.
        retry_at: Millis,
    },
    /// The connection went; the next attempt is set.
    Retrying {
        /// For when.
        retry_at: Millis,
    },
    /// The server asked this client to stay away; only a person starts again.
    Stopped {
        /// The close code that said so.
        code: u16,
    },
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The page is there: begin.
    Start,
    /// A frame came.
    FrameReceived {
        /// Its size.
        bytes: u64,
    },
    /// The server said how much it is about to send.
    SizeAnnounced {
        /// How much.
        bytes: u64,
    },
    /// A frame was handed to the browser.
    Sent {
        /// Its size.
        bytes: u64,
    },
    /// The greeting is complete.
    Greeted,
    /// The socket closed, or could not be opened.
    Closed {
        /// The close code; 1006 where there was none.
        code: u16,
    },
    /// The person asked for an attempt now.
    TryNow,
    /// The browser lost its network.
    Offline,
    /// The browser has a network.
    Online,
    /// The page went out of sight.
    Hidden,
    /// The page came into sight.
    Visible,
    /// Time passed; comes about once a second.
    Tick {
        /// Whether something that was sent has not come back.
        is_unanswered: bool,
        /// What the browser has not handed to the network yet.
        buffered_bytes: u64,
    },
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Drop the socket, if there is one, and open a new one.
    Open,
    /// Drop the socket.
    Close,
    /// Send something small that has a small answer.
    Probe,
}

/// A probe that was not answered.
#[derive(Debug, Clone, Copy)]
struct Probe {
    at: Millis,
    /// Whether the network has changed, so that the line is more likely dead than slow.
    is_urgent: bool,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    /// When `phase` began.
    since: Millis,
    /// Attempts in a row that did not last.
    failures: u32,
    transfer: TransferMonitor,
    probe: Option<Probe>,
    hidden_at: Option<Millis>,
}

impl Machine {
    /// A machine that waits for [`Input::Start`].
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self {
            phase: Phase::Connecting,
            since: now,
            failures: 0,
            transfer: TransferMonitor::new(now),
            probe: None,
            hidden_at: None,
        }
    }

    /// Where the connection stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes in what happened at `now`. `jitter` is a random number from 0 to 1.
    pub fn handle(&mut self, input: Input, now: Millis, jitter: f64) -> Option<Effect> {
        match input {
            Input::Start | Input::TryNow => match self.phase {
                Phase::Connected => None,
                _ => self.open(now),
            },
            Input::FrameReceived { bytes } => {
                self.transfer.frame_received(bytes, now);
                self.probe = None;
                None
            }
            Input::SizeAnnounced { bytes } => {
                self.transfer.size_announced(bytes, now);
                None
            }
            Input::Sent { bytes } => {
                self.transfer.sent(bytes, now);
                None
            }
            Input::Greeted => {
                self.enter(Phase::Connected, now);
                self.transfer.greeted(now);
                None
            }
            Input::Closed { code } => self.closed(code, now, jitter),
            Input::Offline => self.offline(now),
            Input::Online => self.online(now),
            Input::Hidden => {
                self.hidden_at.get_or_insert(now);
                None
            }
            Input::Visible => self.visible(now),
            Input::Tick { is_unanswered, buffered_bytes } => {
                self.transfer.buffered(buffered_bytes, now);
                if !is_unanswered {
                    self.transfer.answered(now);
                }
                self.tick(now, jitter, if is_unanswered { UNANSWERED_MS } else { SILENCE_MS })
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Millis) {
        self.phase = phase;
        self.since = now;
        self.probe = None;
    }

    fn open(&mut self, now: Millis) -> Option<Effect> {
        self.enter(Phase::Connecting, now);
        self.transfer.opened(now);
        Some(Effect::Open)
    }

    fn probe(&mut self, at: Millis, is_urgent: bool) -> Option<Effect> {
        self.probe = Some(Probe { at, is_urgent });
        Some(Effect::Probe)
    }

    fn closed(&mut self, code: u16, now: Millis, jitter: f64) -> Option<Effect> {
        match self.phase {
            Phase::Connecting | Phase::Connected if should_retry(code) => self.retry(now, jitter),
            Phase::Connecting | Phase::Connected => self.enter(Phase::Stopped { code }, now),
            // Of a socket that was given up already.
            Phase::Offline { .. } | Phase::Retrying { .. } | Phase::Stopped { .. } => {}
        }
        None
    }

    fn retry(&mut self, now: Millis, jitter: f64) {
        if self.phase == Phase::Connected && now - self.since >= GOOD_MS {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let retry_at = now + wait_ms(self.failures, jitter);
        self.enter(Phase::Retrying { retry_at }, now);
    }

    fn offline(&mut self, now: Millis) -> Option<Effect> {
        if matches!(self.phase, Phase::Stopped { .. }) {
            return None;
        }
        self.enter(Phase::Offline { retry_at: now + WAIT_MS_MAX }, now);
        Some(Effect::Close)
    }

    fn online(&mut self, now: Millis) -> Option<Effect> {
        match self.phase {
            Phase::Offline { .. } | Phase::Retrying { .. } => self.open(now),
            // Another network perhaps: the old socket may be dead without knowing it.
            Phase::Connected => self.probe(now, true),
            // A large greeting may be waited for very long, and its network is gone.
            Phase::Connecting => self.open(now),
            Phase::Stopped { .. } => None,
        }
    }

    fn is_dead(&self, now: Millis) -> bool {
        now - self.transfer.idle_since() >= DEAD_MS
    }

    /// Whether a probe should have been answered by now.
    fn is_late(&self, probe: Probe, now: Millis) -> bool {
        let patience_ms = if probe.is_urgent {
            0
        } else {
            (self.transfer.idle_since() - probe.at).max(0) + self.transfer.frame_ms()
        };
        now >= probe.at + ANSWER_MS + patience_ms
    }

    fn is_greeting_late(&self, now: Millis) -> bool {
        now - self.since.max(self.transfer.idle_since()) >= GREETING_MS
    }

    /// Returns how long what the server has announced may still take; 0 when nothing is on its way.
    #[must_use]
    pub fn receiving_ms(&self, now: Millis) -> Millis {
        self.transfer.receiving_ms(now)
    }

    /// Returns how long a message that nobody announced may keep the line busy.
    #[must_use]
    pub fn frame_ms(&self) -> Millis {
        self.transfer.frame_ms()
    }

    fn visible(&mut self, now: Millis) -> Option<Effect> {
        let hidden_ms = self.hidden_at.take().map_or(0, |hidden_at| now - hidden_at);
        match self.phase {
            Phase::Connected if self.is_dead(now) => self.open(now),
            Phase::Connected if hidden_ms > HIDDEN_MS => self.probe(now, false),
            // Somebody is looking: a wait that was long because nobody was is over.
            Phase::Retrying { .. } => self.open(now),
            _ => None,
        }
    }

    fn tick(&mut self, now: Millis, jitter: f64, silence_ms: Millis) -> Option<Effect> {
        match self.phase {
            Phase::Retrying { retry_at } | Phase::Offline { retry_at } if now >= retry_at => {
                self.open(now)
            }
            Phase::Connecting if self.is_greeting_late(now) => {
                self.retry(now, jitter);
                Some(Effect::Close)
            }
            Phase::Connected if self.is_dead(now) => self.open(now),
            Phase::Connected => match self.probe {
                Some(probe) if self.is_late(probe, now) => {
                    if !probe.is_urgent {
                        self.transfer.answer_late();
                    }
                    self.open(now)
                }
                None if now - self.transfer.idle_since() >= silence_ms => self.probe(now, false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether a connection that was closed so is tried again. Where another tab has taken the member
/// over, this one comes back as somebody else.
fn should_retry(code: u16) -> bool {
    CloseCode::should_reconnect(code) || code == CloseCode::TakenOver.as_u16()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
