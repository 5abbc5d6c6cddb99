//! Reads pages from the store beside a room's task: older pages, and the part of the newest page that
//! the room does not hold in memory.

use std::ops::RangeInclusive;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use xmeet_shared::{ErrorCode, MessageId, Pid, RoomId, ServerMessage};

use super::Hub;
use crate::fanout::Encoder;
use crate::history::HistoryError;
use crate::limits::counters::LimitKind;
use crate::metrics::READ_PAGE;
use crate::room::StoredMessage;
use crate::wire::outbox::Outbox;

/// Older pages of all rooms that are read and encoded at once. Each can take some megabytes of memory.
const OLDER_AT_ONCE_MAX: usize = 4;

/// Newest pages of all rooms that are read and encoded at once. They have slots of their own, because
/// newcomers wait for them.
const NEWEST_AT_ONCE_MAX: usize = 2;

/// The `retry_after_ms` for a page that does not fit into memory now.
const RETRY_AFTER_MS: u64 = 1000;

/// The slots for pages that are being read and encoded.
#[derive(Debug)]
pub(super) struct PageSlots {
    older: Semaphore,
    newest: Semaphore,
}

impl Default for PageSlots {
    fn default() -> Self {
        let (older, newest) = (OLDER_AT_ONCE_MAX, NEWEST_AT_ONCE_MAX);
        Self { older: Semaphore::new(older), newest: Semaphore::new(newest) }
    }
}

impl PageSlots {
    /// Waits for a slot to read a newest page. The caller keeps the slot until the page is encoded.
    pub(super) async fn newest(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.newest.acquire().await.ok()
    }
}

/// Reads messages of a room.
pub(super) async fn messages(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
) -> Result<Vec<StoredMessage>, HistoryError> {
    hub.metrics().store.time_read(READ_PAGE, hub.history.read(room, ids)).await
}

/// Reads a page and returns its frame, or the frame of an error, in pieces. Returns `None` if the
/// client has gone.
pub(super) async fn read(
    hub: &Hub,
    room: &RoomId,
    ids: RangeInclusive<MessageId>,
    (pid, outbox): (&Pid, &Outbox),
    mut encoder: Encoder,
) -> Option<Vec<Bytes>> {
    let _slot = hub.page_slots.older.acquire().await;
    if outbox.is_closed() {
        return None;
    }
    // Checked before the page is read, too.
    if hub.metrics().memory.is_under_pressure() {
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

/// Returns the error for a page that does not fit into memory now.
fn refusal(hub: &Hub, pid: &Pid, encoder: &mut Encoder) -> Vec<Bytes> {
    hub.metrics().limits.count(LimitKind::Waiting);
    let error = ServerMessage::Error {
        words: "too much is under way to others: ask again in 1 second".to_owned(),
        code: Some(ErrorCode::RateLimited),
        retry_after_ms: Some(RETRY_AFTER_MS),
    };
    vec![encoder.frame(pid.clone(), error, encoder.now())]
}
