//! Where messages are kept. The trait is what an engine must do; `contract_test` is run against
//! each of them.

#[cfg(test)]
mod contract_test;
mod health;
pub mod sqlite;

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;

use xmeet_shared::{MessageId, RoomId};

use crate::room::{Kept, Message, Stored};
pub use health::Health;

/// An answer that the store will give.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send>>;

/// Why the store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The storage below refused; the text is its own.
    #[error("the history cannot be read or written: {0}")]
    Storage(String),
    /// The store has been shut down.
    #[error("the history is closed")]
    Closed,
}

/// An engine that keeps the messages of all rooms.
///
/// One caller at a time appends to a room and waits for the answer. When `append` answers, the
/// messages outlive a crash of the process, and every `read` and `load` after it sees them.
pub trait History: Send + Sync + 'static {
    /// An opaque text, URL-safe, that stays while the rooms' ids go on counting, restarts
    /// included, and is another one when the store was wiped or put back from a copy.
    fn epoch(&self) -> &str;

    /// What is held of a room, its newest page included. A room never seen is an empty one.
    fn load(&self, room: &RoomId) -> Answer<Stored>;

    /// Keeps messages, all or none, under consecutive ids that follow the room's newest, and
    /// answers with the first of these ids.
    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> Answer<MessageId>;

    /// The messages with these ids that are still held, oldest first.
    fn read(&self, room: &RoomId, ids: RangeInclusive<MessageId>) -> Answer<Vec<Kept>>;
}
