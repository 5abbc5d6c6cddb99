//! How fast one client may speak, and what becomes of one that speaks faster. Pure: time is a number.
//!
//! Over the rate a client is told how long to wait, and all that it says until then is refused, each
//! message by an answer of its own. What it had on its way before it could know is nothing bad: it is
//! told when the answer has been written, and until then nothing more is read from it. Refusals have
//! a rate too ([`REFUSALS`]), past which nothing is read for a while.
//!
//! Whoever goes on [`HEARD_AFTER_NS`] later has a *strike*, at most one for each time that it was
//! told, and is told again, to wait twice as long. The third in a row slows it down: for [`REST_NS`]
//! nothing is read from it. The next ends the connection. A wait that is kept ends the row; after a
//! rest, buckets that are full again do, once it has been read for as long as the rest was.
//!
//! Pages of the history are paid for by their bytes once they have been written. Whoever owes for one
//! is refused the next, which is no strike, but costs what everything does that cannot be done.

use std::time::Duration;

use xmeet_shared::{ClientCommand, CommandError};

use super::bucket::{Bucket, Rate};
use super::hits::LimitKind;

const MILLISECOND_NS: u64 = 1_000_000;

/// The shortest wait that a client is told, in nanoseconds: 1 s. It doubles with each strike.
const WAIT_MIN_NS: u64 = 1000 * MILLISECOND_NS;

/// How long after it was told a client is taken to have heard it, in nanoseconds: 0.5 s, which is
/// more than a message takes round the world.
const HEARD_AFTER_NS: u64 = 500 * MILLISECOND_NS;

/// How long nothing is read from a client that does not listen, in nanoseconds: 5 s.
const REST_NS: u64 = 5000 * MILLISECOND_NS;

/// Strikes in a row before a client is slowed down; one more ends its connection.
const STRIKES_MAX: u8 = 3;

/// Messages that are refused at once, and each second in the long run. More stay unread until the
/// client must have heard: an answer costs its room about what a message does.
const REFUSALS_BURST: u64 = 300;
const REFUSALS_PER_SECOND: u64 = 20;
const REFUSALS: Rate = Rate::per_second(REFUSALS_PER_SECOND, REFUSALS_BURST).unwrap();

/// What a message costs, in tokens.
pub mod cost {
    /// Something said, or an empty message.
    pub const SAY: u64 = 1;
    /// Another name: everybody is told, and everybody's list changes.
    pub const CHANGE_NAME: u64 = 5;
    /// Asking for a page of the history, which also costs its bytes. One burst reads all that is
    /// kept by default, unless it is long.
    pub const HISTORY: u64 = 1;
    /// What cannot be carried out and is answered by an error.
    pub const BAD: u64 = 2;
    /// A ping or a pong that nobody asked for.
    pub const CONTROL: u64 = 1;
}

/// What a text costs, in tokens.
#[must_use]
pub fn cost_of(command: &Result<Option<ClientCommand<'_>>, CommandError>) -> u64 {
    match command {
        Ok(None | Some(ClientCommand::Say(_))) => cost::SAY,
        Ok(Some(ClientCommand::ChangeName(_))) => cost::CHANGE_NAME,
        Ok(Some(ClientCommand::History(_))) => cost::HISTORY,
        Err(_) => cost::BAD,
    }
}

/// How fast any one client may speak. `None` is as fast as it can.
#[derive(Debug, Clone, Copy, Default)]
pub struct PaceRates {
    /// Messages, in tokens of [`cost`].
    pub messages: Option<Rate>,
    /// Bytes of messages.
    pub bytes: Option<Rate>,
    /// Bytes of the history pages that it is sent.
    pub pages: Option<Rate>,
}

impl PaceRates {
    /// Whether there is any limit, so that time matters.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.messages.is_some() || self.bytes.is_some() || self.pages.is_some()
    }
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Carry it out, and then read nothing for that long.
    Take {
        /// How long; mostly not at all.
        rest: Duration,
    },
    /// Answer that it was too much, and then read nothing for that long.
    Refuse {
        /// Which limit it was.
        kind: LimitKind,
        /// When the client may try again, in milliseconds from now.
        retry_after_ms: u64,
        /// How long nothing is read.
        rest: Duration,
        /// Whether the client must know of it before anything more is read, and
        /// [`Pace::note_told`] be called then.
        is_news: bool,
    },
    /// End the connection.
    End,
}

impl Verdict {
    /// How long nothing is to be read.
    #[must_use]
    pub fn rest(&self) -> Duration {
        match self {
            Self::Take { rest } | Self::Refuse { rest, .. } => *rest,
            Self::End => Duration::ZERO,
        }
    }
}

/// One client's pace. Small: every connection has one. It goes with its member from one connection
/// to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pace {
    messages: Bucket,
    bytes: Bucket,
    pages: Bucket,
    refusals: Bucket,
    /// Of a client that was told to wait. Few are.
    told: Option<Box<Told>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    kind: LimitKind,
    /// `None` while the answer that tells it is on its way.
    at_ns: Option<u64>,
    until_ns: u64,
    strikes: u8,
    /// It was not read meanwhile: that it said nothing is not its merit.
    is_rest: bool,
}

impl Pace {
    /// Judges a message that is to be carried out, by its cost in tokens and its length in bytes.
    pub fn message(
        &mut self,
        rates: PaceRates,
        (tokens, bytes): (u64, u64),
        now_ns: u64,
    ) -> Verdict {
        if let Some(told) = &mut self.told {
            if now_ns < told.until_ns {
                return told.again(&mut self.refusals, now_ns);
            }
            // Whoever was not read has shown nothing yet, and its buckets fill meanwhile.
            let is_full = self.messages.is_full(now_ns) && self.bytes.is_full(now_ns);
            if !told.is_rest || is_full && now_ns >= told.read_again_ns() + REST_NS {
                self.told = None;
            }
        }
        let messages_ns = wait_ns(&self.messages, rates.messages, tokens, now_ns);
        let bytes_ns = wait_ns(&self.bytes, rates.bytes, bytes, now_ns);
        if messages_ns == 0 && bytes_ns == 0 {
            for (bucket, rate, tokens) in [
                (&mut self.messages, rates.messages, tokens),
                (&mut self.bytes, rates.bytes, bytes),
            ] {
                // They are there.
                let _ = rate.map(|rate| bucket.take(rate, tokens, now_ns));
            }
            return Verdict::Take { rest: Duration::ZERO };
        }
        let kind = if messages_ns >= bytes_ns { LimitKind::Messages } else { LimitKind::Bytes };
        let strikes = self.told.as_ref().map_or(0, |told| told.strikes);
        let told = self.told.insert(Box::new(Told::new(kind, now_ns, strikes)));
        told.until_ns = told.until_ns.max(now_ns + messages_ns.max(bytes_ns));
        told.refuse(&mut self.refusals, now_ns)
    }

    /// Judges a request for a page, by its own length in bytes.
    pub fn page(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) -> Verdict {
        let owed_ns = wait_ns(&self.pages, rates.pages, 0, now_ns);
        let tokens = if owed_ns == 0 { cost::HISTORY } else { cost::BAD };
        match self.message(rates, (tokens, bytes), now_ns) {
            Verdict::Take { rest } if owed_ns > 0 => {
                let retry_after_ms = owed_ns.div_ceil(MILLISECOND_NS);
                Verdict::Refuse { kind: LimitKind::PageBytes, retry_after_ms, rest, is_news: false }
            }
            verdict => verdict,
        }
    }

    /// The client has been sent a page of so many bytes.
    pub fn note_page(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) {
        owe(&mut self.pages, rates.pages, bytes, now_ns);
    }

    /// Judges a ping or a pong. WebSocket libraries send them by themselves, so they are never
    /// refused and are no strike; over the rate they wait to be read.
    pub fn control(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) -> Verdict {
        owe(&mut self.messages, rates.messages, cost::CONTROL, now_ns);
        owe(&mut self.bytes, rates.bytes, bytes, now_ns);
        let messages_ns = wait_ns(&self.messages, rates.messages, 0, now_ns);
        let rest_ns = messages_ns.max(wait_ns(&self.bytes, rates.bytes, 0, now_ns));
        Verdict::Take { rest: Duration::from_nanos(rest_ns) }
    }

    /// The client has been told to wait: the answer that says so has been written.
    pub fn note_told(&mut self, now_ns: u64) {
        if let Some(told) = &mut self.told {
            told.at_ns.get_or_insert(now_ns);
            told.is_rest |= now_ns >= told.until_ns;
        }
    }
}

fn owe(bucket: &mut Bucket, rate: Option<Rate>, tokens: u64, now_ns: u64) {
    if let Some(rate) = rate {
        bucket.owe(rate, tokens, now_ns);
    }
}

/// How long until there are so many tokens, in nanoseconds; of none, until nothing is owed.
fn wait_ns(bucket: &Bucket, rate: Option<Rate>, tokens: u64, now_ns: u64) -> u64 {
    rate.map_or(0, |rate| bucket.wait_ns(rate, tokens, now_ns))
}

impl Told {
    fn new(kind: LimitKind, now_ns: u64, strikes: u8) -> Self {
        let until_ns = now_ns + (WAIT_MIN_NS << strikes.min(STRIKES_MAX));
        Self { kind, at_ns: None, until_ns, strikes, is_rest: false }
    }

    /// When it was read again, after a rest.
    fn read_again_ns(&self) -> u64 {
        self.until_ns.max(self.at_ns.unwrap_or_default())
    }

    /// A message although it was told to wait.
    fn again(&mut self, refusals: &mut Bucket, now_ns: u64) -> Verdict {
        if self.at_ns.is_none_or(|at_ns| now_ns < at_ns + HEARD_AFTER_NS) {
            return self.refuse(refusals, now_ns);
        }
        let strikes = self.strikes + 1;
        if strikes > STRIKES_MAX {
            return Verdict::End;
        }
        *self = Self::new(self.kind, now_ns, strikes);
        if strikes < STRIKES_MAX {
            return self.refuse(refusals, now_ns);
        }
        self.is_rest = true;
        self.until_ns = now_ns + REST_NS;
        let _ = refusals.take(REFUSALS, 1, now_ns);
        let (retry_after_ms, rest) = (REST_NS / MILLISECOND_NS, Duration::from_nanos(REST_NS));
        Verdict::Refuse { kind: LimitKind::SlowedDown, retry_after_ms, rest, is_news: true }
    }

    fn refuse(&self, refusals: &mut Bucket, now_ns: u64) -> Verdict {
        // Never owed: what is read in one go at a connection's end would be a rest without end.
        let _ = refusals.take(REFUSALS, 1, now_ns);
        let heard_ns = self.at_ns.unwrap_or(now_ns) + HEARD_AFTER_NS;
        let rest_ns = match refusals.wait_ns(REFUSALS, 1, now_ns) {
            0 => 0,
            next_ns => next_ns.max(heard_ns.saturating_sub(now_ns)),
        };
        Verdict::Refuse {
            kind: self.kind,
            retry_after_ms: (self.until_ns - now_ns).div_ceil(MILLISECOND_NS),
            rest: Duration::from_nanos(rest_ns),
            is_news: self.at_ns.is_none(),
        }
    }
}

#[cfg(test)]
#[path = "pace_test.rs"]
mod tests;
