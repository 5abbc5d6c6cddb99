//! The close handshake (RFC 6455 section 7): sends a Close frame, waits for the client's, and closes
//! the stream. Takes a few seconds at most.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::incoming::INCOMING_OVER_BUDGET;
use super::reader::{ReadError, Reader};
use crate::wire::decoder::Received;
use crate::wire::frame;
use crate::wire::outbox::{CloseReason, Outbox};

/// The longest time that the whole close handshake may take.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// At most this many bytes are read and discarded after the close handshake. If a socket is closed with
/// unread bytes, the system resets the connection, and the reset can overtake the Close frame.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a session ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum SessionEnd {
    /// The server closed the connection.
    Server(CloseReason),
    /// The client closed the connection. The code is that of the client's Close frame, if the frame had
    /// one.
    Client(Option<u16>),
    /// The connection was lost.
    Lost,
}

impl From<ReadError> for SessionEnd {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Disconnected => Self::Lost,
            ReadError::Violation(close_reason) => Self::Server(close_reason),
        }
    }
}

/// Closes a connection, with the close handshake unless the connection is lost. Returns once the
/// connection is closed, after [`CLOSE_TIMEOUT`] at the latest. `end` says how the session ended.
pub(super) async fn close(mut reader: Reader, outbox: Arc<Outbox>, end: SessionEnd) {
    if let SessionEnd::Server(INCOMING_OVER_BUDGET) = end {
        // The server closes this connection to free the memory of its incomplete message.
        reader.abandon();
    }
    let handshake = async {
        match end {
            SessionEnd::Server(CloseReason { code, reason }) => {
                outbox.send_close_frame(frame::close_with(code, reason)).await;
                wait_for_close(&mut reader).await;
            }
            SessionEnd::Client(code) => outbox.send_close_frame(frame::close(code, "")).await,
            SessionEnd::Lost => return,
        }
        outbox.shut_down();
        reader.discard(DISCARDED_BYTES_MAX).await;
    };
    // A client that does not answer in time is disconnected without its Close frame.
    let _ = timeout(CLOSE_TIMEOUT, handshake).await;
    outbox.shut_down();
}

/// Waits for the client's Close frame, or for an error.
async fn wait_for_close(reader: &mut Reader) {
    while let Ok(received) = reader.next().await {
        if matches!(received, Some(Received::Close(_))) {
            return;
        }
    }
}
