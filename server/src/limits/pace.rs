//! The rate limit of one client: token buckets for its messages, their bytes and the bytes of its
//! history pages. Pure: time is a number of nanoseconds.
//!
//! A message over the rate is refused, and so is every message until the wait that the refusal names
//! has passed. Refusals have a bucket too ([`REFUSALS`]): once it is empty, the connection is closed.
//! The bucket has room for the messages that are on their way when the first of them is refused. So a
//! client that waits for the time in the refusal is never closed.
//!
//! A history page is paid for by its bytes after it was sent. A client in debt for a page is refused
//! the next one.

use std::time::Duration;

use xmeet_shared::{ClientCommand, CommandError};

use super::bucket::{Bucket, Rate};
use super::counters::LimitKind;

const MILLISECOND_NS: u64 = 1_000_000;

/// The shortest wait that a refusal names, in nanoseconds: 1 s.
const WAIT_MIN_NS: u64 = 1000 * MILLISECOND_NS;

/// Refusals per connection: 1,000 at once, 20 a second in the long run.
const REFUSALS: Rate = Rate::per_second(20, 1000).unwrap();

/// The cost of a message, in tokens.
pub mod cost {
    /// A text, or an empty message.
    pub const SAY: u64 = 1;
    /// A rename: all members receive it, and the room's member list is encoded again.
    pub const CHANGE_NAME: u64 = 5;
    /// A page request, beside the bytes of the page. One burst reads the whole history that is kept
    /// by default, unless its texts are long.
    pub const HISTORY: u64 = 1;
    /// A message that is answered by an error.
    pub const REJECTED: u64 = 2;
    /// A ping, or a pong.
    pub const CONTROL: u64 = 1;
}

/// Returns the cost of a message, in tokens.
#[must_use]
pub fn cost_of(command: &Result<Option<ClientCommand<'_>>, CommandError>) -> u64 {
    match command {
        Ok(None | Some(ClientCommand::Say(_))) => cost::SAY,
        Ok(Some(ClientCommand::ChangeName(_))) => cost::CHANGE_NAME,
        Ok(Some(ClientCommand::History(_))) => cost::HISTORY,
        Err(_) => cost::REJECTED,
    }
}

/// The rates of every client. `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct PaceRates {
    /// Messages, in tokens of [`cost`].
    pub messages: Option<Rate>,
    /// Bytes of messages.
    pub bytes: Option<Rate>,
    /// Bytes of history pages.
    pub pages: Option<Rate>,
}

impl PaceRates {
    /// Returns whether there is any limit.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.messages.is_some() || self.bytes.is_some() || self.pages.is_some()
    }
}

/// The decision about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Carry the message out.
    Accept,
    /// Answer with `rate_limited`.
    Refuse {
        kind: LimitKind,
        /// When the client may send the message again, in milliseconds from now.
        retry_after_ms: u64,
    },
    /// Close the connection: the client sends on after refusals.
    Close,
}

/// The state of one client's rate limit. It stays with the member when it resumes on another
/// connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pace {
    messages: Bucket,
    bytes: Bucket,
    pages: Bucket,
    refusals: Bucket,
    /// Until this time, in nanoseconds, every message is refused, for this limit.
    refused_until: Option<(u64, LimitKind)>,
}

impl Pace {
    /// Decides about a message by its cost in tokens and its length in bytes.
    pub fn message(
        &mut self,
        rates: PaceRates,
        (tokens, bytes): (u64, u64),
        now_ns: u64,
    ) -> Verdict {
        let (until_ns, kind) = match self.refused_until {
            Some((until_ns, kind)) if now_ns < until_ns => (until_ns, kind),
            _ => {
                let messages_ns = wait_ns(&self.messages, rates.messages, tokens, now_ns);
                let bytes_ns = wait_ns(&self.bytes, rates.bytes, bytes, now_ns);
                if messages_ns == 0 && bytes_ns == 0 {
                    self.refused_until = None;
                    take(&mut self.messages, rates.messages, tokens, now_ns);
                    take(&mut self.bytes, rates.bytes, bytes, now_ns);
                    return Verdict::Accept;
                }
                let is_messages = messages_ns >= bytes_ns;
                let kind = if is_messages { LimitKind::Messages } else { LimitKind::Bytes };
                (now_ns + messages_ns.max(bytes_ns).max(WAIT_MIN_NS), kind)
            }
        };
        self.refused_until = Some((until_ns, kind));
        match self.refusals.take(REFUSALS, 1, now_ns) {
            Ok(()) => {
                let retry_after_ms = (until_ns - now_ns).div_ceil(MILLISECOND_NS);
                Verdict::Refuse { kind, retry_after_ms }
            }
            Err(_) => Verdict::Close,
        }
    }

    /// Decides about a page request by the length of the request in bytes.
    pub fn page(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) -> Verdict {
        let debt_ns = wait_ns(&self.pages, rates.pages, 0, now_ns);
        let tokens = if debt_ns == 0 { cost::HISTORY } else { cost::REJECTED };
        match self.message(rates, (tokens, bytes), now_ns) {
            Verdict::Accept if debt_ns > 0 => {
                let retry_after_ms = debt_ns.div_ceil(MILLISECOND_NS);
                Verdict::Refuse { kind: LimitKind::PageBytes, retry_after_ms }
            }
            verdict => verdict,
        }
    }

    /// Charges for a history page of so many bytes. Call it once the page is sent.
    pub fn charge_page(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) {
        owe(&mut self.pages, rates.pages, bytes, now_ns);
    }

    /// Charges for a ping or a pong of so many bytes, and returns how long reading must pause.
    /// WebSocket libraries send these by themselves, so they are never refused.
    pub fn charge_control(&mut self, rates: PaceRates, bytes: u64, now_ns: u64) -> Duration {
        owe(&mut self.messages, rates.messages, cost::CONTROL, now_ns);
        owe(&mut self.bytes, rates.bytes, bytes, now_ns);
        let messages_ns = wait_ns(&self.messages, rates.messages, 0, now_ns);
        let bytes_ns = wait_ns(&self.bytes, rates.bytes, 0, now_ns);
        Duration::from_nanos(messages_ns.max(bytes_ns))
    }
}

fn take(bucket: &mut Bucket, rate: Option<Rate>, tokens: u64, now_ns: u64) {
    if let Some(rate) = rate {
        let taken = bucket.take(rate, tokens, now_ns);
        debug_assert!(taken.is_ok(), "the caller checks the bucket before");
    }
}

fn owe(bucket: &mut Bucket, rate: Option<Rate>, tokens: u64, now_ns: u64) {
    if let Some(rate) = rate {
        bucket.owe(rate, tokens, now_ns);
    }
}

/// Returns the time until the bucket has so many tokens, in nanoseconds. For 0 tokens this is the time until
/// the bucket has no debt.
fn wait_ns(bucket: &Bucket, rate: Option<Rate>, tokens: u64, now_ns: u64) -> u64 {
    rate.map_or(0, |rate| bucket.wait_ns(rate, tokens, now_ns))
}

#[cfg(test)]
#[path = "pace_test.rs"]
mod tests;
