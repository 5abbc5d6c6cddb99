//! A pure state machine that decides when to connect, probe and disconnect. It takes time, jitter and
//! events as values and returns an [`Effect`].

use xmeet_shared::CloseCode;

use super::backoff::{WAIT_MS_MAX, wait_ms};
use super::clock::Millis;
use super::transfer::TransferMonitor;

/// The idle time before a probe. The server's heartbeat, every 25 s at most, is overdue by then.
const SILENCE_MS: Millis = 30_000;

/// The time for the answer to a probe, in addition to the transfers that precede it. Without an
/// answer the socket counts as dead, whatever its `readyState` is.
const ANSWER_MS: Millis = 3_000;

/// The idle time before a probe while a sent text is unanswered.
const UNANSWERED_MS: Millis = 2_000;

/// The idle time after which the connection is dead without a probe, because the page slept.
const DEAD_MS: Millis = 40_000;

/// A page that was hidden for longer than this sends a probe when it becomes visible.
const HIDDEN_MS: Millis = 60_000;

/// The time from opening a socket to the end of the greeting, in addition to the transfer of the
/// greeting's bytes.
const GREETING_MS: Millis = 15_000;

/// A connection that lasted this long resets the backoff.
const GOOD_MS: Millis = 10_000;

/// The phase of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A socket is opening, or its greeting is incomplete.
    Connecting,
    /// The greeting is complete.
    Connected,
    /// The browser reports that there is no network. It may be wrong, so an attempt follows anyway.
    Offline {
        /// The time of the next attempt.
        retry_at: Millis,
    },
    /// The connection was lost or failed.
    Retrying {
        /// The time of the next attempt.
        retry_at: Millis,
    },
    /// The server closed the connection for good. Only the person can connect again.
    Stopped {
        /// The close code.
        code: u16,
    },
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The page is ready.
    Start,
    /// A frame arrived.
    FrameReceived {
        /// Its size.
        bytes: u64,
    },
    /// The server announced the size of the next frames.
    SizeAnnounced {
        /// The size.
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
        /// The close code; 1006 if there was none.
        code: u16,
    },
    /// The person asks for an attempt now.
    TryNow,
    /// The browser lost its network.
    Offline,
    /// The browser has a network.
    Online,
    /// The page was hidden.
    Hidden,
    /// The page became visible.
    Visible,
    /// About a second has passed.
    Tick {
        /// Whether a sent text is unanswered.
        is_unanswered: bool,
        /// The bytes that the browser has not handed to the network yet.
        buffered_bytes: u64,
    },
}

/// A decision of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Close the socket, if there is one, and open a new one.
    Open,
    /// Close the socket.
    Close,
    /// Send a small request that has a small answer.
    Probe,
}

/// An unanswered probe.
#[derive(Debug, Clone, Copy)]
struct Probe {
    at: Millis,
    /// Whether the network has changed. Then a late answer means a dead connection, not a slow one.
    is_urgent: bool,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    /// The start of `phase`.
    since: Millis,
    /// The number of consecutive attempts that failed or did not last.
    failures: u32,
    transfer: TransferMonitor,
    probe: Option<Probe>,
    hidden_at: Option<Millis>,
}

impl Machine {
    /// Returns a machine that waits for [`Input::Start`].
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

    /// Returns the phase of the connection.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Handles an event at `now`. `jitter` is a random number from 0 to 1.
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
            // The event belongs to a socket that was already closed.
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
            // The network may have changed, which can leave the old socket dead without an event.
            Phase::Connected => self.probe(now, true),
            // The old network may be gone, and the deadline of a large greeting is far away.
            Phase::Connecting => self.open(now),
            Phase::Stopped { .. } => None,
        }
    }

    fn is_dead(&self, now: Millis) -> bool {
        now - self.transfer.idle_since() >= DEAD_MS
    }

    /// Returns whether the answer to a probe is late.
    fn is_late(&self, probe: Probe, now: Millis) -> bool {
        let transfer_ms = if probe.is_urgent {
            0
        } else {
            (self.transfer.idle_since() - probe.at).max(0) + self.transfer.frame_ms()
        };
        now >= probe.at + ANSWER_MS + transfer_ms
    }

    fn is_greeting_late(&self, now: Millis) -> bool {
        now - self.since.max(self.transfer.idle_since()) >= GREETING_MS
    }

    /// Returns how long the announced bytes may still take; 0 if none are missing.
    #[must_use]
    pub fn receiving_ms(&self, now: Millis) -> Millis {
        self.transfer.receiving_ms(now)
    }

    /// Returns how long an unannounced message may delay other frames.
    #[must_use]
    pub fn frame_ms(&self) -> Millis {
        self.transfer.frame_ms()
    }

    fn visible(&mut self, now: Millis) -> Option<Effect> {
        let hidden_ms = self.hidden_at.take().map_or(0, |hidden_at| now - hidden_at);
        match self.phase {
            Phase::Connected if self.is_dead(now) => self.open(now),
            Phase::Connected if hidden_ms > HIDDEN_MS => self.probe(now, false),
            // The person looks at the page, so a long wait is not acceptable any more.
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

/// Returns whether to connect again after this close code. After a takeover by another tab, this tab
/// returns as a new member.
fn should_retry(code: u16) -> bool {
    CloseCode::should_reconnect(code) || code == CloseCode::TakenOver.as_u16()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
