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

/// The time for the whole close handshake.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes that are read and discarded behind the handshake. Closing a socket with unread data resets
/// the connection, and the reset can overtake the Close frame.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a session ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum SessionEnd {
    /// The server closed the connection.
    Server(CloseReason),
    /// The client closed it, with the code of its Close frame if that had one.
    Client(Option<u16>),
    /// The connection was lost.
    Lost,
}

impl From<ReadError> for SessionEnd {
    fn from(end: ReadError) -> Self {
        match end {
            ReadError::Disconnected => Self::Lost,
            ReadError::Violation(ending) => Self::Server(ending),
        }
    }
}

/// Closes a connection. Returns once it is closed, or at [`CLOSE_TIMEOUT`].
pub(super) async fn close(mut reader: Reader, outbox: Arc<Outbox>, end: SessionEnd) {
    if let SessionEnd::Server(INCOMING_OVER_BUDGET) = end {
        // It is closed to free this memory.
        reader.abandon();
    }
    let work = async {
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
    // After the time-out, dropping the connection closes it.
    let _ = timeout(CLOSE_TIMEOUT, work).await;
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
