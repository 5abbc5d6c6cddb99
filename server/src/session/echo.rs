//! An echo session for tests: a connection without a room. No route of the server leads here;
//! `server/examples/echo.rs` serves it to WebSocket clients of other projects.

use std::sync::Arc;

use xmeet_shared::CloseCode;

use super::close::{self, SessionEnd};
use super::connection::Connection;
use super::incoming::Incoming;
use super::reader::{MessageLimits, Reader};
use crate::wire::decoder::Received;
use crate::wire::frame;
use crate::wire::outbox::{CloseReason, Outbox, OutboxLimits};

/// The start of a text that asks the server to close the connection. The close code follows it.
const CLOSE_COMMAND: &str = "@close:";

/// The bounds of an echo session.
#[derive(Debug)]
pub struct EchoLimits {
    pub message: MessageLimits,
    pub outbox: Arc<OutboxLimits>,
    pub incoming: Arc<Incoming>,
}

/// Runs an echo session: sends each message back, a binary message as zeros of the same length.
/// Returns once the connection is closed.
pub async fn run(connection: Connection, limits: Arc<EchoLimits>) {
    let Connection { reading, writing, early, .. } = connection;
    let outbox = Arc::new(Outbox::new(writing, Arc::clone(&limits.outbox)));
    let incoming = limits.incoming.new_charge(&outbox, None);
    let mut reader = Reader::new(reading, &early, limits.message, incoming);
    let end = tokio::select! {
        biased;
        close_reason = outbox.drive_writes() => SessionEnd::Server(close_reason),
        close_reason = outbox.wait_for_write_timeout() => SessionEnd::Server(close_reason),
        end = echo(&mut reader, &outbox) => end,
    };
    close::close(reader, outbox, end).await;
}

/// Reads messages and sends each one back. Returns how the session ended.
async fn echo(reader: &mut Reader, outbox: &Outbox) -> SessionEnd {
    loop {
        let received = match reader.next().await {
            Ok(Some(received)) => received,
            Ok(None) => continue,
            Err(error) => return error.into(),
        };
        match received {
            Received::Text(text) => match requested_close(&text) {
                Some(close_reason) => return SessionEnd::Server(close_reason),
                None => outbox.send(&[frame::text(text.as_bytes())]),
            },
            // The decoder keeps the length of a binary message, but not the content.
            Received::Binary(bytes) => outbox.send(&[frame::binary(&vec![0; bytes])]),
            Received::Ping(payload) => outbox.send(&[frame::pong(&payload)]),
            Received::Pong => {}
            Received::Close(code) => return SessionEnd::Client(code),
        }
    }
}

/// Returns the close reason for a text such as `@close:1001`. Returns `None` for any other text, and for
/// a code that the server never sends.
fn requested_close(text: &str) -> Option<CloseReason> {
    let code: u16 = text.strip_prefix(CLOSE_COMMAND)?.parse().ok()?;
    let code = CloseCode::ALL.into_iter().find(|known| known.as_u16() == code)?;
    Some(CloseReason { code, reason: "the client has asked for it" })
}
