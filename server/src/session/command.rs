//! Carries out one message of a client, or refuses it.

use std::time::Duration;

use xmeet_shared::{ClientCommand, CloseCode, ErrorCode, ServerMessage};

use super::Session;
use super::close::SessionEnd;
use crate::limits::counters::LimitKind;
use crate::limits::pace::{Verdict, cost, cost_of};
use crate::wire::decoder::Received;
use crate::wire::frame;
use crate::wire::outbox::CloseReason;

const FLOODED: CloseReason = CloseReason {
    code: CloseCode::Policy,
    reason: "too many messages, again and again, after being told to wait",
};

const MILLISECOND_NS: u64 = 1_000_000;

/// What the session must do before it reads the next message.
#[derive(Debug)]
pub(super) enum Next {
    Read,
    /// Wait until the requested page is written.
    AwaitPage,
    /// Send [`Session::refusal`].
    Refuse,
    /// Read nothing for so long.
    Pause(Duration),
    Close(SessionEnd),
}

impl Session {
    /// Carries out a message, as far as that needs no waiting.
    pub(super) fn execute(&mut self, received: Received) -> Next {
        self.sessions.keepalive.note_received(&self.outbox);
        match received {
            Received::Text(text) => self.execute_text(text),
            Received::Binary(bytes) => match self.check_rate(cost::REJECTED, bytes) {
                Ok(()) => {
                    let words = "binary frames mean nothing here: send text".to_owned();
                    self.refuse(ErrorCode::Unsupported, words, None)
                }
                Err(next) => next,
            },
            Received::Ping(payload) => {
                self.outbox.send_control(frame::pong(&payload));
                self.charge_control(payload.len())
            }
            Received::Pong => self.charge_control(0),
            Received::Close(code) => Next::Close(SessionEnd::Client(code)),
        }
    }

    fn execute_text(&mut self, text: String) -> Next {
        let command = ClientCommand::parse(&text);
        let checked = match command {
            Ok(Some(ClientCommand::History(_))) => self.check_page_rate(text.len()),
            _ => self.check_rate(cost_of(&command), text.len()),
        };
        if let Err(next) = checked {
            return next;
        }
        let (sent, next) = match command {
            Ok(None) => return Next::Read,
            Err(error) => return self.refuse(error.code(), error.to_string(), None),
            Ok(Some(ClientCommand::Say(_))) => {
                if let Err(next) = self.take_budget(text.len()) {
                    return next;
                }
                self.unstored_bytes += text.len();
                (self.membership.say(text), Next::Read)
            }
            Ok(Some(ClientCommand::ChangeName(nickname))) => {
                (self.membership.change_name(nickname), Next::Read)
            }
            Ok(Some(ClientCommand::History(cursor))) => {
                self.outbox.expect_answer();
                (self.membership.history(cursor), Next::AwaitPage)
            }
        };
        self.has_unanswered = true;
        self.unsent = sent.err();
        next
    }

    /// Charges the client's rate limit for a message, by its cost in tokens and its length.
    pub(super) fn check_rate(&mut self, tokens: u64, bytes: usize) -> Result<(), Next> {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let verdict = self.membership.pace.message(rates, (tokens, bytes as u64), now_ns);
        self.check(verdict)
    }

    fn check_page_rate(&mut self, bytes: usize) -> Result<(), Next> {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let verdict = self.membership.pace.page(rates, bytes as u64, now_ns);
        self.check(verdict)
    }

    fn check(&mut self, verdict: Verdict) -> Result<(), Next> {
        match verdict {
            Verdict::Accept => Ok(()),
            Verdict::Refuse { kind, retry_after_ms } => {
                Err(self.rate_limited(kind, retry_after_ms))
            }
            Verdict::Close => {
                self.sessions.count_hit(LimitKind::Flooded);
                Err(Next::Close(SessionEnd::Server(FLOODED)))
            }
        }
    }

    fn charge_control(&mut self, bytes: usize) -> Next {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let pause = self.membership.pace.charge_control(rates, bytes as u64, now_ns);
        if pause.is_zero() { Next::Read } else { Next::Pause(pause) }
    }

    /// Charges the daily budgets of the client's address and of the room for a text, if it is stored.
    fn take_budget(&mut self, text_bytes: usize) -> Result<(), Next> {
        if !self.membership.is_stored() {
            return Ok(());
        }
        let address = self.permit.as_ref().and_then(|permit| permit.address());
        let now_ns = self.sessions.now_ns();
        let taken = self.sessions.limits.budgets.take(address, &self.room, text_bytes, now_ns);
        taken.map_err(|over| self.rate_limited(over.kind, over.wait_ns.div_ceil(MILLISECOND_NS)))
    }

    fn rate_limited(&mut self, kind: LimitKind, retry_after_ms: u64) -> Next {
        self.sessions.count_hit(kind);
        let what = match kind {
            LimitKind::PageBytes => "too much history at once",
            LimitKind::AddressStored => "your network has stored as much as it may today",
            LimitKind::RoomStored => "this room has stored as much as it may today",
            _ => "too much at once",
        };
        let words = format!("{what}: wait {}", duration_in_words(retry_after_ms));
        self.refuse(ErrorCode::RateLimited, words, Some(retry_after_ms))
    }

    fn refuse(&mut self, code: ErrorCode, words: String, retry_after_ms: Option<u64>) -> Next {
        let error = ServerMessage::Error { words, code: Some(code), retry_after_ms };
        self.refusal = Some(Box::new(error));
        Next::Refuse
    }
}

/// Returns a duration in words for people.
fn duration_in_words(duration_ms: u64) -> String {
    match duration_ms {
        ..500 => "a moment".to_owned(),
        500..=1000 => "1 second".to_owned(),
        1001..=120_000 => format!("{} seconds", duration_ms.div_ceil(1000)),
        120_001..=7_200_000 => format!("{} minutes", duration_ms.div_ceil(60_000)),
        _ => format!("{} hours", duration_ms.div_ceil(3_600_000)),
    }
}
