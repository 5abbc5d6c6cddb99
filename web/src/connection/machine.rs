//! What to do about the connection: a pure state machine. Time, jitter and everything that happens
//! come in as values; what is to be done comes out as an [`Effect`].

use xmeet_shared::{CloseCode, UnixMillis};

use super::backoff::{WAIT_MS_MAX, wait_ms};

/// Nothing heard for so long is worth a question: the server's heartbeat, every 25 s at the latest,
/// is overdue.
const SILENCE_MS: UnixMillis = 30_000;

/// How long the answer to a question may take before the socket counts as dead, whatever its
/// `readyState` says. To open another one when this one was only slow costs little: the member is
/// resumed, and nobody sees it.
const ANSWER_MS: UnixMillis = 3_000;

/// Nothing heard for so long while something that was sent has not come back is worth a question.
const UNANSWERED_MS: UnixMillis = 2_000;

/// Nothing heard for so long is a dead socket, without a question: the page slept.
const DEAD_MS: UnixMillis = 40_000;

/// A page hidden for longer than this asks when it is seen again.
const HIDDEN_MS: UnixMillis = 60_000;

/// How long a new socket may take from opening to the end of the greeting.
const GREETING_MS: UnixMillis = 15_000;

/// A connection that lasted this long was a good one: the next loss starts with the shortest wait.
const GOOD_MS: UnixMillis = 10_000;

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A socket is opening, or its greeting is awaited.
    Connecting,
    /// Greeted: what is sent goes out, what happens comes in.
    Connected,
    /// The browser says that there is no network. It may be wrong, so a try follows all the same.
    Lost {
        /// When.
        retry_at: UnixMillis,
    },
    /// The connection went; the next attempt is set.
    Retrying {
        /// For when.
        retry_at: UnixMillis,
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
    Heard,
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
    Tick,
    /// The same, and something that was sent has not come back.
    TickUnanswered,
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Drop the socket, if there is one, and open a new one.
    Open,
    /// Drop the socket.
    Close,
    /// Send something that the server answers.
    Probe,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    /// When `phase` began.
    since: UnixMillis,
    /// Attempts in a row that did not last.
    failures: u32,
    heard_at: UnixMillis,
    probed_at: Option<UnixMillis>,
    hidden_at: Option<UnixMillis>,
}

impl Machine {
    /// A machine that waits for [`Input::Start`].
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        Self {
            phase: Phase::Connecting,
            since: now,
            failures: 0,
            heard_at: now,
            probed_at: None,
            hidden_at: None,
        }
    }

    /// Where the connection stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes in what happened at `now`. `jitter` is a random number from 0 to 1.
    pub fn handle(&mut self, input: Input, now: UnixMillis, jitter: f64) -> Option<Effect> {
        match input {
            Input::Start | Input::TryNow => match self.phase {
                Phase::Connected => None,
                _ => self.open(now),
            },
            Input::Heard => {
                self.heard_at = now;
                self.probed_at = None;
                None
            }
            Input::Greeted => {
                self.enter(Phase::Connected, now);
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
            Input::Tick => self.tick(now, jitter, SILENCE_MS),
            Input::TickUnanswered => self.tick(now, jitter, UNANSWERED_MS),
        }
    }

    fn enter(&mut self, phase: Phase, now: UnixMillis) {
        self.phase = phase;
        self.since = now;
        self.heard_at = now;
        self.probed_at = None;
    }

    fn open(&mut self, now: UnixMillis) -> Option<Effect> {
        self.enter(Phase::Connecting, now);
        Some(Effect::Open)
    }

    fn probe(&mut self, now: UnixMillis) -> Option<Effect> {
        self.probed_at = Some(now);
        Some(Effect::Probe)
    }

    fn closed(&mut self, code: u16, now: UnixMillis, jitter: f64) -> Option<Effect> {
        match self.phase {
            Phase::Connecting | Phase::Connected if comes_back(code) => self.retry(now, jitter),
            Phase::Connecting | Phase::Connected => self.enter(Phase::Stopped { code }, now),
            // Of a socket that was given up already.
            Phase::Lost { .. } | Phase::Retrying { .. } | Phase::Stopped { .. } => {}
        }
        None
    }

    fn retry(&mut self, now: UnixMillis, jitter: f64) {
        if self.phase == Phase::Connected && now - self.since >= GOOD_MS {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let retry_at = now + wait_ms(self.failures, jitter);
        self.enter(Phase::Retrying { retry_at }, now);
    }

    fn offline(&mut self, now: UnixMillis) -> Option<Effect> {
        if matches!(self.phase, Phase::Stopped { .. }) {
            return None;
        }
        self.enter(Phase::Lost { retry_at: now + WAIT_MS_MAX }, now);
        Some(Effect::Close)
    }

    fn online(&mut self, now: UnixMillis) -> Option<Effect> {
        match self.phase {
            Phase::Lost { .. } | Phase::Retrying { .. } => self.open(now),
            // Another network perhaps: the old socket may be dead without knowing it.
            Phase::Connected => self.probe(now),
            Phase::Connecting | Phase::Stopped { .. } => None,
        }
    }

    fn is_dead(&self, now: UnixMillis) -> bool {
        now - self.heard_at >= DEAD_MS
    }

    fn visible(&mut self, now: UnixMillis) -> Option<Effect> {
        let hidden_ms = self.hidden_at.take().map_or(0, |hidden_at| now - hidden_at);
        match self.phase {
            Phase::Connected if self.is_dead(now) => self.open(now),
            Phase::Connected if hidden_ms > HIDDEN_MS => self.probe(now),
            // Somebody is looking: a wait that was long because nobody was is over.
            Phase::Retrying { .. } => self.open(now),
            _ => None,
        }
    }

    fn tick(&mut self, now: UnixMillis, jitter: f64, silence_ms: UnixMillis) -> Option<Effect> {
        match self.phase {
            Phase::Retrying { retry_at } | Phase::Lost { retry_at } => {
                // A clock that was set back must not make the wait longer than the longest.
                let due = now >= retry_at || retry_at - now > WAIT_MS_MAX;
                due.then(|| self.open(now)).flatten()
            }
            Phase::Connecting if now - self.since >= GREETING_MS => {
                self.retry(now, jitter);
                Some(Effect::Close)
            }
            Phase::Connected if self.is_dead(now) => self.open(now),
            Phase::Connected => match self.probed_at {
                Some(probed_at) if now - probed_at >= ANSWER_MS => self.open(now),
                None if now - self.heard_at >= silence_ms => self.probe(now),
                _ => None,
            },
            Phase::Connecting | Phase::Stopped { .. } => None,
        }
    }
}

/// Whether a connection that was closed so is tried again. Where another tab has taken the member
/// over, this one comes back as somebody else.
fn comes_back(code: u16) -> bool {
    CloseCode::should_reconnect(code) || code == CloseCode::TakenOver.as_u16()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
