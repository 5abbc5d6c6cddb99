//! The end of a session: what its client had sent before is done first, where the server ends it.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use xmeet_shared::{ClientCommand, CloseCode};

use super::{GOING_AWAY, Session};
use crate::hub::{self, Departure};
use crate::limits::pace::{Verdict, cost_of};
use crate::ws::closing::{self, Closing};
use crate::ws::decoder::Received;

/// What is still read, without waiting, from a connection that must end, in bytes.
/// Its client may have sent on without end.
const LAST_WORDS_BYTES_MAX: usize = 1024 * 1024;

/// What a message counts in that beside its text, in bytes: many small ones are much to say.
const LAST_WORDS_MESSAGE_BYTES: usize = 64;

impl Session {
    /// Ends the session in its room and on its connection.
    pub(super) async fn part(mut self, end: Closing) {
        if let Closing::Server(hub::TAKEN_OVER) = end {
            self.say_what_has_come().await;
        }
        let departure = match end {
            Closing::Client(Some(code)) if code == CloseCode::Normal.as_u16() => Departure::Left,
            _ => Departure::Lost,
        };
        if let (Closing::Server(GOING_AWAY), Some(&deadline)) = (end, self.sessions.deadline.get())
        {
            // Half of the time is for the store and the room, half for the client.
            let now = Instant::now();
            let middle = now + deadline.saturating_duration_since(now) / 2;
            let _ = timeout_at(middle, self.finish()).await;
            let Self { sessions, mut account, reader, outbox, membership, .. } = self;
            account.received(reader.read_bytes(), 0, sessions.hub.metrics());
            // Everybody is told to go at the same time: nobody needs to see the others leave.
            let _ = timeout_at(deadline, closing::close(reader, Arc::clone(&outbox), end)).await;
            membership.leave(departure).await;
            account.close(end, outbox.written_bytes(), sessions.hub.metrics());
            return;
        }
        let Self { sessions, mut account, reader, outbox, membership, .. } = self;
        account.received(reader.read_bytes(), 0, sessions.hub.metrics());
        let closing = closing::close(reader, Arc::clone(&outbox), end);
        tokio::join!(membership.leave(departure), closing);
        account.close(end, outbox.written_bytes(), sessions.hub.metrics());
    }

    /// Has everything done and answered that the client had sent, before its connection ends with
    /// the server.
    async fn finish(&mut self) {
        let outbox = Arc::clone(&self.outbox);
        let last_words = async {
            // Whoever has not been read from lately is seen to have said something only now.
            yield_now().await;
            self.say_what_has_come().await;
            self.unsent = self.membership.finish().err();
            // A room that has ended has told the outbox.
            let _ = self.membership.insist(&mut self.unsent).await;
        };
        tokio::join!(last_words, outbox.finished());
    }

    /// What the client had sent before its connection must end is said first: where another one
    /// takes over, so that it is in the log before the other one's greeting is cut.
    async fn say_what_has_come(&mut self) {
        let mut bytes = 0;
        loop {
            // The first time it is what the room was waited for to take when this began: without
            // it there would be a gap.
            if self.membership.insist(&mut self.unsent).await.is_err()
                || bytes > LAST_WORDS_BYTES_MAX
            {
                return;
            }
            let Some(received) = self.reader.next_now() else { return };
            self.count(&received);
            bytes += LAST_WORDS_MESSAGE_BYTES;
            let text = match received {
                Received::Text(text) => text,
                Received::Binary(length) => {
                    bytes += length;
                    continue;
                }
                Received::Ping(_) | Received::Pong | Received::Close(_) => continue,
            };
            bytes += text.len();
            let command = ClientCommand::parse(&text);
            match self.judge(cost_of(&command), text.len()) {
                Verdict::Take { .. } => {}
                Verdict::Refuse { kind, retry_after_ms, .. } => {
                    // Nothing is waited for any more.
                    self.hold_off(kind, retry_after_ms, false);
                    continue;
                }
                Verdict::End => return,
            }
            let sent = match command {
                Ok(Some(ClientCommand::Say(_))) => self.membership.say(text),
                Ok(Some(ClientCommand::ChangeName(name))) => self.membership.change_name(name),
                // Nobody would read the answer.
                Ok(Some(ClientCommand::History(_)) | None) | Err(_) => Ok(()),
            };
            self.unsent = sent.err();
        }
    }
}
