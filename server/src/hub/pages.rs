//! What rooms read from the store: older pages, which are encoded beside their room's task, and what a
//! room does not hold of its newest.

use std::ops::RangeInclusive;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use xmeet_shared::{ErrorCode, MessageId, Pid, RoomId, ServerMessage};

use super::Hub;
use super::encode::Encoder;
use crate::history::HistoryError;
use crate::limits::hits::LimitKind;
use crate::metrics::READ_PAGE;
use crate::room::Kept;
use crate::ws::outbox::Outbox;

/// Older pages that are read and encoded at once, of all rooms: each can take some megabytes until it
/// is on its way. The store has a few readers, and one more is being encoded meanwhile.
const OLDER_AT_ONCE_MAX: usize = 4;

/// The same of newest pages. They have places of their own: a room waits for its.
const NEWEST_AT_ONCE_MAX: usize = 2;

/// When whoever asked for a page that cannot be held now may ask again, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Places for pages under way, which are waited for.
#[derive(Debug)]
pub(super) struct Places {
    older: Semaphore,
    newest: Semaphore,
}

impl Default for Places {
    fn default() -> Self {
        let (older, newest) = (OLDER_AT_ONCE_MAX, NEWEST_AT_ONCE_MAX);
        Self { older: Semaphore::new(older), newest: Semaphore::new(newest) }
    }
}

impl Places {
    /// Held until a newest page is encoded.
    pub(super) async fn newest(&self) -> Option<SemaphorePermit<'_>> {
        // They are never closed.
        self.newest.acquire().await.ok()
    }
}

/// Reads messages of a room.
pub(super) async fn messages(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
) -> Result<Vec<Kept>, HistoryError> {
    hub.metrics().store.timed(READ_PAGE, hub.history.read(room, ids)).await
}

/// Reads a page: its frame, or that of the error instead of it, in pieces. `None` where whoever asked
/// has gone meanwhile.
pub(super) async fn read(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
    (pid, outbox): (&Pid, &Outbox),
    mut encoder: Encoder,
) -> Option<Vec<Bytes>> {
    let _place = hub.places.older.acquire().await;
    if outbox.is_over() {
        return None;
    }
    // Where much waits already it is not even read.
    if hub.metrics().frames.is_tight() {
        return Some(refusal(hub, pid, &mut encoder));
    }
    match messages(hub, room, ids).await {
        Ok(messages) => {
            let bytes = messages.iter().map(|kept| kept.message.text.len()).sum();
            if encoder.has_room_for(bytes) {
                return Some(encoder.page(pid, &messages).await);
            }
            Some(refusal(hub, pid, &mut encoder))
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be read");
            let words = "the page could not be read".to_owned();
            let code = Some(ErrorCode::Storage);
            let error = ServerMessage::Error { words, code, retry_after_ms: None };
            Some(vec![encoder.frame(pid.clone(), error, encoder.now())])
        }
    }
}

/// The answer to whoever asked for a page that cannot be held now.
fn refusal(hub: &Hub, pid: &Pid, encoder: &mut Encoder) -> Vec<Bytes> {
    hub.metrics().limits.count(LimitKind::Waiting);
    let error = ServerMessage::Error {
        words: "too much is under way to others: ask again in 1 second".to_owned(),
        code: Some(ErrorCode::RateLimited),
        retry_after_ms: Some(RETRY_AFTER_MS),
    };
    vec![encoder.frame(pid.clone(), error, encoder.now())]
}
