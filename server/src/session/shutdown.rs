//! The end of a session. If the server ends it, the messages that the client sent before are carried
//! out first.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use xmeet_shared::{ClientCommand, CloseCode};

use super::close::{self, SessionEnd};
use super::command::Next;
use super::{GOING_AWAY, Session};
use crate::hub::{self, Disconnect};
use crate::limits::pace::cost_of;
use crate::wire::decoder::Received;

/// When the server ends a session, it still carries out at most this many bytes of messages. Without
/// this bound, a client could keep the session open by sending more.
const DRAINED_BYTES_MAX: usize = 1024 * 1024;

/// The size of each message in that count, beside its text: even empty messages reach the bound.
const DRAINED_MESSAGE_BYTES: usize = 64;

impl Session {
    /// Ends the session: leaves the room and closes the connection. `end` says why.
    pub(super) async fn finish(mut self, end: SessionEnd) {
        if let SessionEnd::Server(hub::TAKEN_OVER) = end {
            // The member goes on with a new connection. The messages from this connection come first.
            self.drain_received().await;
        }
        let disconnect = match end {
            SessionEnd::Client(Some(code)) if code == CloseCode::Normal.as_u16() => {
                Disconnect::Clean
            }
            _ => Disconnect::Lost,
        };
        if let (SessionEnd::Server(GOING_AWAY), Some(&deadline)) =
            (end, self.sessions.deadline.get())
        {
            return self.finish_by(deadline, end, disconnect).await;
        }
        // The input is dropped now, to free its memory before the close handshake.
        self.unsent = None;
        let Self { sessions, mut stats, reader, outbox, membership, .. } = self;
        stats.count_received(reader.read_bytes(), 0, sessions.hub.metrics());
        let closing = close::close(reader, Arc::clone(&outbox), end);
        tokio::join!(membership.leave(disconnect), closing);
        stats.close(end, outbox.written_bytes(), sessions.hub.metrics());
    }

    /// Ends the session at a shutdown, by `deadline`.
    async fn finish_by(mut self, deadline: Instant, end: SessionEnd, disconnect: Disconnect) {
        // 1. Half of the time is for the room and the store, to answer the client's last messages.
        let now = Instant::now();
        let middle = now + deadline.saturating_duration_since(now) / 2;
        let _ = timeout_at(middle, self.drain()).await;
        let Self { sessions, mut stats, reader, outbox, membership, .. } = self;
        stats.count_received(reader.read_bytes(), 0, sessions.hub.metrics());

        // 2. The other half is for the close handshake.
        let _ = timeout_at(deadline, close::close(reader, Arc::clone(&outbox), end)).await;

        // 3. The member leaves last. All clients disconnect at the same time, so no client needs the
        //    `leave` of another.
        membership.leave(disconnect).await;
        stats.close(end, outbox.written_bytes(), sessions.hub.metrics());
    }

    /// Carries out the messages that the client has sent, and waits until all answers are written. For a
    /// shutdown.
    async fn drain(&mut self) {
        let outbox = Arc::clone(&self.outbox);
        let drained = async {
            // The session may not have read from its client for a while. The runtime polls the socket
            // now, and so notices the bytes that have arrived.
            yield_now().await;
            self.drain_received().await;
            self.unsent = self.membership.finish().err();
            // If this fails, the room has ended and has closed the outbox.
            let _ = self.membership.flush_pending(&mut self.unsent).await;
        };
        tokio::join!(drained, outbox.wait_until_finished());
    }

    /// Carries out the messages that have arrived, up to [`DRAINED_BYTES_MAX`]. So after a takeover
    /// these messages are in the room's log before the greeting of the new connection.
    async fn drain_received(&mut self) {
        let mut drained_bytes = 0;
        loop {
            // 1. Send the previous message's input to the room, or its error to the client. In the first
            //    round, these are the input and the error that the session has not sent.
            if self.membership.flush_pending(&mut self.unsent).await.is_err() {
                return;
            }
            if self.refusal.is_some() && self.send_refusal().await.is_err() {
                return;
            }
            if drained_bytes > DRAINED_BYTES_MAX {
                return;
            }

            // 2. Read the next message. Only text frames are carried out.
            let Some(received) = self.reader.next_now() else { return };
            self.count_received(&received);
            drained_bytes += DRAINED_MESSAGE_BYTES;
            let text = match received {
                Received::Text(text) => text,
                Received::Binary(length) => {
                    drained_bytes += length;
                    continue;
                }
                Received::Ping(_) | Received::Pong | Received::Close(_) => continue,
            };
            drained_bytes += text.len();

            // 3. Carry the text out, if the client's rate limit accepts it.
            let command = ClientCommand::parse(&text);
            match self.check_rate(cost_of(&command), text.len()) {
                Ok(()) => {}
                // The error is sent at the beginning of the next round.
                Err(Next::Refuse) => continue,
                Err(_) => return,
            }
            let send_result = match command {
                Ok(Some(ClientCommand::Say(_))) => self.membership.say(text),
                Ok(Some(ClientCommand::ChangeName(nickname))) => {
                    self.membership.change_name(nickname)
                }
                // These messages only cause an answer, and the client would not read the answer.
                Ok(Some(ClientCommand::History(_)) | None) | Err(_) => Ok(()),
            };
            self.has_unanswered = true;
            self.unsent = send_result.err();
        }
    }
}
