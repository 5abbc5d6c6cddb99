//! What rooms read from the store: older pages, which are encoded beside their room's task, and what a
//! room does not hold of its newest.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use xmeet_shared::{ErrorCode, MessageId, Pid, RoomId, ServerMessage};

use super::Hub;
use super::encode::Encoder;
use crate::history::HistoryError;
use crate::metrics::READ_PAGE;
use crate::room::Kept;

/// Pages that are read and encoded at once, of all rooms: each can take some megabytes until it is
/// on its way. The store has a few readers, and one more is being encoded meanwhile.
pub(super) const PAGES_AT_ONCE_MAX: usize = 4;

/// When whoever asked for a page that cannot be held now may ask again, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Reads messages. What comes with them is to be held until they are encoded.
pub(super) async fn messages(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
) -> Result<(Vec<Kept>, Option<OwnedSemaphorePermit>), HistoryError> {
    let work = async {
        // They are never closed.
        let place = Arc::clone(&hub.pages).acquire_owned().await.ok();
        Ok((hub.history.read(room, ids).await?, place))
    };
    hub.metrics().store.timed(READ_PAGE, work).await
}

/// Reads a page: its frame, or that of the error instead of it, in pieces.
pub(super) async fn read(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
    pid: &Pid,
    mut encoder: Encoder,
) -> Vec<Bytes> {
    let error = match messages(hub, room, ids).await {
        Ok((messages, _place)) => {
            let bytes = messages.iter().map(|kept| kept.message.text.len()).sum();
            if encoder.has_room_for(bytes) {
                return encoder.page(pid, &messages).await;
            }
            ServerMessage::Error {
                words: "too much is under way to others: ask again in 1 second".to_owned(),
                code: Some(ErrorCode::RateLimited),
                retry_after_ms: Some(RETRY_AFTER_MS),
            }
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be read");
            ServerMessage::Error {
                words: "the page could not be read".to_owned(),
                code: Some(ErrorCode::Storage),
                retry_after_ms: None,
            }
        }
    };
    vec![encoder.frame(pid.clone(), error, encoder.now())]
}
