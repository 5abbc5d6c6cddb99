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

/// The session's next step after a message.
#[derive(Debug)]
pub(super) enum Next {
    /// Read the next message.
    Read,
    /// Wait until the requested history page is written.
    AwaitPage,
    /// Send the error that is kept in [`Session::refusal`].
    Refuse,
    /// Read nothing for this time.
    Pause(Duration),
    /// End the session.
    Close(SessionEnd),
}

impl Session {
    /// Carries out a message without waiting. Returns the session's next step.
    pub(super) fn execute(&mut self, received: Received) -> Next {
        self.sessions.keepalive.note_received(&self.outbox);
        match received {
            Received::Text(text) => self.execute_text(text),
            Received::Binary(length) => match self.check_rate(cost::REJECTED, length) {
                Ok(()) => {
                    let text = "binary frames mean nothing here: send text".to_owned();
                    self.refuse(ErrorCode::Unsupported, text, None)
                }
                Err(next_step) => next_step,
            },
            Received::Ping(payload) => {
                self.outbox.send_control(frame::pong(&payload));
                self.charge_control(payload.len())
            }
            Received::Pong => self.charge_control(0),
            Received::Close(code) => Next::Close(SessionEnd::Client(code)),
        }
    }

    /// Carries out a text frame, which is a text for the room or another command. Returns the session's
    /// next step.
    fn execute_text(&mut self, text: String) -> Next {
        let command = ClientCommand::parse(&text);

        // 1. The client's rate limit.
        let rate_check = match command {
            Ok(Some(ClientCommand::History(_))) => self.check_page_rate(text.len()),
            _ => self.check_rate(cost_of(&command), text.len()),
        };
        if let Err(next_step) = rate_check {
            return next_step;
        }

        // 2. The room receives the command as an input.
        let (send_result, next_step) = match command {
            // The frame is empty and has no effect.
            Ok(None) => return Next::Read,
            Err(error) => return self.refuse(error.code(), error.to_string(), None),
            Ok(Some(ClientCommand::Say(_))) => {
                if let Err(next_step) = self.charge_daily_budgets(text.len()) {
                    return next_step;
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

        // 3. If the room's inbox is full, the session keeps the input and waits for the room.
        self.unsent = send_result.err();
        next_step
    }

    /// Charges the client's rate limit for a message, by its cost in tokens and its length in bytes.
    ///
    /// # Errors
    /// The session's next step, if the rate limit refuses the message.
    pub(super) fn check_rate(&mut self, tokens: u64, bytes: usize) -> Result<(), Next> {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let verdict = self.membership.pace.message(rates, (tokens, bytes as u64), now_ns);
        self.apply_verdict(verdict)
    }

    /// Charges the client's rate limit for the request of a history page, by the request's length in
    /// bytes.
    ///
    /// # Errors
    /// The session's next step, if the rate limit refuses the request.
    fn check_page_rate(&mut self, bytes: usize) -> Result<(), Next> {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let verdict = self.membership.pace.page(rates, bytes as u64, now_ns);
        self.apply_verdict(verdict)
    }

    /// Applies the rate limit's decision about a message. Returns `Ok` if the message is accepted.
    ///
    /// # Errors
    /// The session's next step, if the message is refused.
    fn apply_verdict(&mut self, verdict: Verdict) -> Result<(), Next> {
        match verdict {
            Verdict::Accept => Ok(()),
            Verdict::Refuse { kind, retry_after_ms } => {
                Err(self.refuse_over_limit(kind, retry_after_ms))
            }
            Verdict::Close => {
                self.sessions.count_hit(LimitKind::Flooded);
                Err(Next::Close(SessionEnd::Server(FLOODED)))
            }
        }
    }

    /// Charges the rate limit for a ping or pong. Returns a pause if the client sends them too fast:
    /// control frames are never refused.
    fn charge_control(&mut self, payload_bytes: usize) -> Next {
        let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
        let pause = self.membership.pace.charge_control(rates, payload_bytes as u64, now_ns);
        if pause.is_zero() { Next::Read } else { Next::Pause(pause) }
    }

    /// Charges the daily storage budgets of the client's address and of the room for a text, if the room
    /// stores its texts.
    ///
    /// # Errors
    /// The session's next step, if a budget is used up.
    fn charge_daily_budgets(&mut self, text_bytes: usize) -> Result<(), Next> {
        if !self.membership.is_stored() {
            return Ok(());
        }
        let address = self.permit.as_ref().and_then(|permit| permit.address());
        let now_ns = self.sessions.now_ns();
        let budgets = &self.sessions.limits.budgets;
        let Err(exceeded) = budgets.take(address, &self.room, text_bytes, now_ns) else {
            return Ok(());
        };
        let retry_after_ms = exceeded.wait_ns.div_ceil(MILLISECOND_NS);
        Err(self.refuse_over_limit(exceeded.kind, retry_after_ms))
    }

    /// Refuses a message over a limit, with the time to wait. Returns the session's next step.
    fn refuse_over_limit(&mut self, kind: LimitKind, retry_after_ms: u64) -> Next {
        self.sessions.count_hit(kind);
        let cause = match kind {
            LimitKind::PageBytes => "too much history at once",
            LimitKind::AddressStored => "your network has stored as much as it may today",
            LimitKind::RoomStored => "this room has stored as much as it may today",
            _ => "too much at once",
        };
        let text = format!("{cause}: wait {}", duration_in_words(retry_after_ms));
        self.refuse(ErrorCode::RateLimited, text, Some(retry_after_ms))
    }

    /// Keeps an error for the client until the session sends it. Returns the next step, which sends the
    /// error.
    fn refuse(&mut self, code: ErrorCode, text: String, retry_after_ms: Option<u64>) -> Next {
        let error = ServerMessage::Error { words: text, code: Some(code), retry_after_ms };
        self.refusal = Some(Box::new(error));
        Next::Refuse
    }
}

/// Returns a duration in words for people, rounded up. Up to two minutes it is told in seconds, and up
/// to two hours in minutes.
fn duration_in_words(duration_ms: u64) -> String {
    match duration_ms {
        ..500 => "a moment".to_owned(),
        500..=1000 => "1 second".to_owned(),
        1001..=120_000 => format!("{} seconds", duration_ms.div_ceil(1000)),
        120_001..=7_200_000 => format!("{} minutes", duration_ms.div_ceil(60_000)),
        _ => format!("{} hours", duration_ms.div_ceil(3_600_000)),
    }
}
