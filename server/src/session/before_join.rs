//! Reads from a client whose session waits to join a room.

use std::future::pending;

use xmeet_shared::ClientCommand;

use super::close::SessionEnd;
use super::keepalive::Keepalive;
use super::reader::Reader;
use crate::wire::decoder::Received;
use crate::wire::outbox::Outbox;

/// Reads a client's messages while its session waits to join a room. The reader keeps the messages
/// for the session, up to a bound. Returns how the connection ended, once it has ended. The caller drops
/// this future when the session has joined.
///
/// If a client sends a text and disconnects, the future stays pending: the client still joins, so that
/// the room receives the text. Call this function once for each connection.
pub(super) async fn read_while_waiting(
    reader: &mut Reader,
    outbox: &Outbox,
    keepalive: &Keepalive,
) -> SessionEnd {
    tokio::select! {
        biased;
        close_reason = outbox.drive_writes() => SessionEnd::Server(close_reason),
        close_reason = outbox.wait_for_write_timeout() => SessionEnd::Server(close_reason),
        end = read_ahead(reader, outbox, keepalive) => end,
    }
}

/// Reads messages ahead. Returns how the client ended the connection. Stays pending forever if the
/// reader is full or the client has sent a text.
async fn read_ahead(reader: &mut Reader, outbox: &Outbox, keepalive: &Keepalive) -> SessionEnd {
    let mut has_sent_text = false;
    while !reader.is_ahead_full() {
        match reader.read_ahead().await {
            Ok(received) => {
                keepalive.note_received(outbox);
                match received {
                    Some(Received::Text(text)) => has_sent_text |= is_chat_text(text),
                    // Without a text, the client need not join.
                    Some(Received::Close(code)) if !has_sent_text => {
                        return SessionEnd::Client(*code);
                    }
                    _ => {}
                }
            }
            // The client still joins, so that the room receives its text.
            Err(_) if has_sent_text => break,
            Err(error) => return error.into(),
        }
    }
    // From here on pongs are not read, so the keepalive must not wait for them.
    outbox.set_paused(true);
    pending().await
}

/// Returns whether a text frame has a text for the room, rather than another command.
fn is_chat_text(text: &str) -> bool {
    matches!(ClientCommand::parse(text), Ok(Some(ClientCommand::Say(_))))
}

#[cfg(test)]
#[path = "before_join_test.rs"]
mod tests;
