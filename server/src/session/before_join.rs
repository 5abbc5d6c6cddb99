//! Reads from a client whose session waits to join a room.

use std::future::pending;

use xmeet_shared::ClientCommand;

use super::close::SessionEnd;
use super::keepalive::Keepalive;
use super::reader::Reader;
use crate::wire::decoder::Received;
use crate::wire::outbox::Outbox;

/// Reads ahead within bounds and watches the connection, until the connection ends. The reader keeps
/// the messages for the session. Returns how the connection ended if the client need not join any
/// more; a client that has sent a text before it disconnected still joins, so that the text is sent.
/// Call it once for a connection.
pub(super) async fn watch(
    reader: &mut Reader,
    outbox: &Outbox,
    keepalive: &Keepalive,
) -> SessionEnd {
    tokio::select! {
        biased;
        ending = outbox.drive_writes() => SessionEnd::Server(ending),
        ending = outbox.wait_for_write_timeout() => SessionEnd::Server(ending),
        end = listen(reader, outbox, keepalive) => end,
    }
}

async fn listen(reader: &mut Reader, outbox: &Outbox, keepalive: &Keepalive) -> SessionEnd {
    let mut has_sent_text = false;
    while !reader.is_ahead_full() {
        match reader.read_ahead().await {
            Ok(received) => {
                keepalive.note_received(outbox);
                match received {
                    Some(Received::Text(text)) => has_sent_text |= is_text(text),
                    Some(Received::Close(code)) if !has_sent_text => {
                        return SessionEnd::Client(*code);
                    }
                    _ => {}
                }
            }
            Err(_) if has_sent_text => break,
            Err(end) => return end.into(),
        }
    }
    // Pongs are not read either from here on.
    outbox.set_paused(true);
    pending().await
}

fn is_text(text: &str) -> bool {
    matches!(ClientCommand::parse(text), Ok(Some(ClientCommand::Say(_))))
}

#[cfg(test)]
#[path = "before_join_test.rs"]
mod tests;
