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

/// A text that asks the server to close the connection, with the code that follows.
const CLOSE_COMMAND: &str = "@close:";

/// The bounds of an echo session.
#[derive(Debug)]
pub struct EchoLimits {
    pub message: MessageLimits,
    pub outbox: Arc<OutboxLimits>,
    pub incoming: Arc<Incoming>,
}

/// Sends each message back, a binary message as zeros of the same length, until one side closes.
pub async fn run(connection: Connection, limits: Arc<EchoLimits>) {
    let Connection { reading, writing, early, .. } = connection;
    let outbox = Arc::new(Outbox::new(writing, Arc::clone(&limits.outbox)));
    let incoming = limits.incoming.new_charge(&outbox, None);
    let mut reader = Reader::new(reading, &early, limits.message, incoming);
    let end = tokio::select! {
        biased;
        ending = outbox.drive_writes() => SessionEnd::Server(ending),
        ending = outbox.wait_for_write_timeout() => SessionEnd::Server(ending),
        end = echo(&mut reader, &outbox) => end,
    };
    close::close(reader, outbox, end).await;
}

async fn echo(reader: &mut Reader, outbox: &Outbox) -> SessionEnd {
    loop {
        let received = match reader.next().await {
            Ok(Some(received)) => received,
            Ok(None) => continue,
            Err(end) => return end.into(),
        };
        match received {
            Received::Text(text) => match asked_ending(&text) {
                Some(ending) => return SessionEnd::Server(ending),
                None => outbox.send(&[frame::text(text.as_bytes())]),
            },
            // The decoder keeps the length of a binary message and not its content.
            Received::Binary(bytes) => outbox.send(&[frame::binary(&vec![0; bytes])]),
            Received::Ping(payload) => outbox.send(&[frame::pong(&payload)]),
            Received::Pong => {}
            Received::Close(code) => return SessionEnd::Client(code),
        }
    }
}

fn asked_ending(text: &str) -> Option<CloseReason> {
    let code: u16 = text.strip_prefix(CLOSE_COMMAND)?.parse().ok()?;
    let code = CloseCode::ALL.into_iter().find(|known| known.as_u16() == code)?;
    Some(CloseReason { code, reason: "the client has asked for it" })
}
