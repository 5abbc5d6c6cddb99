//! The end of a connection (RFC 6455 section 7): a Close frame, the client's answer, and then the
//! stream below. It takes a few seconds at most, whatever the client does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::decoder::Received;
use super::frame;
use super::outbox::{Ending, Outbox};
use super::reader::Reader;

/// How long a client has to take the Close frame, and to answer it.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of what a client still sends after the end is read and thrown away, in bytes. Closing
/// with unread data resets the connection, and the reset can overtake the Close frame.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who ended a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Closing {
    /// The server, for this reason.
    Server(Ending),
    /// The client, with the code of its Close frame if it had one.
    Client(Option<u16>),
    /// Nobody: it is lost.
    Lost,
}

/// Ends a connection in order.
pub(super) async fn close(mut reader: Reader, outbox: Arc<Outbox>, closing: Closing) {
    let work = async {
        match closing {
            Closing::Server(Ending { code, reason }) => {
                outbox.send_last(frame::close_with(code, reason)).await;
                wait_for_answer(&mut reader).await;
            }
            Closing::Client(code) => outbox.send_last(frame::close(code, "")).await,
            Closing::Lost => return,
        }
        outbox.close();
        reader.discard(DISCARDED_BYTES_MAX).await;
    };
    // What does not succeed in time ends when the connection is dropped.
    let _ = timeout(CLOSE_TIMEOUT, work).await;
    outbox.close();
}

/// Returns at once where the client broke the rules: nothing can be read behind that.
async fn wait_for_answer(reader: &mut Reader) {
    while let Ok(received) = reader.next().await {
        if matches!(received, Some(Received::Close(_))) {
            return;
        }
    }
}
