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

/// Bytes of messages that are still carried out when the server ends a session. A client could go on
/// sending for ever.
const DRAINED_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that a message counts there beside its text.
const DRAINED_MESSAGE_BYTES: usize = 64;

impl Session {
    /// Ends the session: leaves the room and closes the connection.
    pub(super) async fn finish(mut self, end: SessionEnd) {
        if let SessionEnd::Server(hub::TAKEN_OVER) = end {
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
            // Half of the time is for the room and the store, half for the close handshake.
            let now = Instant::now();
            let middle = now + deadline.saturating_duration_since(now) / 2;
            let _ = timeout_at(middle, self.drain()).await;
            let Self { sessions, mut stats, reader, outbox, membership, .. } = self;
            stats.received(reader.read_bytes(), 0, sessions.hub.metrics());
            // The member leaves only now: all clients disconnect at the same time, and none needs the
            // others' `leave`.
            let _ = timeout_at(deadline, close::close(reader, Arc::clone(&outbox), end)).await;
            membership.leave(disconnect).await;
            stats.close(end, outbox.written_bytes(), sessions.hub.metrics());
            return;
        }
        // Frees its memory before the close handshake.
        self.unsent = None;
        let Self { sessions, mut stats, reader, outbox, membership, .. } = self;
        stats.received(reader.read_bytes(), 0, sessions.hub.metrics());
        let closed = close::close(reader, Arc::clone(&outbox), end);
        tokio::join!(membership.leave(disconnect), closed);
        stats.close(end, outbox.written_bytes(), sessions.hub.metrics());
    }

    /// Carries out and answers all messages that the client has sent, for a shutdown.
    async fn drain(&mut self) {
        let outbox = Arc::clone(&self.outbox);
        let drained = async {
            // Lets the runtime poll the socket, for a client that was not read from lately.
            yield_now().await;
            self.drain_received().await;
            self.unsent = self.membership.finish().err();
            // A room that has ended has closed the outbox.
            let _ = self.membership.flush_pending(&mut self.unsent).await;
        };
        tokio::join!(drained, outbox.wait_until_finished());
    }

    /// Carries out the messages that have arrived, so that after a takeover they are in the log before
    /// the new connection's greeting.
    async fn drain_received(&mut self) {
        let mut bytes = 0;
        loop {
            // In the first round, `unsent` is the input that the session was waiting to send.
            if self.membership.flush_pending(&mut self.unsent).await.is_err()
                || self.refusal.is_some() && self.send_refusal().await.is_err()
                || bytes > DRAINED_BYTES_MAX
            {
                return;
            }
            let Some(received) = self.reader.next_now() else { return };
            self.count(&received);
            bytes += DRAINED_MESSAGE_BYTES;
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
            match self.check_rate(cost_of(&command), text.len()) {
                Ok(()) => {}
                Err(Next::Refuse) => continue,
                Err(_) => return,
            }
            let sent = match command {
                Ok(Some(ClientCommand::Say(_))) => self.membership.say(text),
                Ok(Some(ClientCommand::ChangeName(name))) => self.membership.change_name(name),
                // These only cause an answer, which the client would not read.
                Ok(Some(ClientCommand::History(_)) | None) | Err(_) => Ok(()),
            };
            self.has_unanswered = true;
            self.unsent = sent.err();
        }
    }
}
