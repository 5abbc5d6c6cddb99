//! Stores the messages of all rooms. [`History`] is the contract that a storage engine fulfils;
//! `contract_test` checks every engine against it.

#[cfg(test)]
mod contract_test;
pub mod sqlite;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, RangeInclusive};
use std::pin::Pin;
use std::sync::Arc;

use xmeet_shared::{MessageId, RoomId};

use crate::room::{Message, RoomHistory, StoredMessage};

/// The pending result of a store operation.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send>>;

/// Why a store operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The engine or the disk reported an error; the text is the engine's own.
    #[error("the history cannot be read or written: {0}")]
    Storage(String),
    /// The store has been shut down.
    #[error("the history is closed")]
    Closed,
}

/// A room opened in the store. The room cannot be evicted until this value is dropped.
pub struct OpenRoom {
    /// The ids and the newest messages of the room.
    pub stored: RoomHistory,
    /// An opaque URL-safe string that identifies this numbering of the room's messages. It survives
    /// restarts. It changes when the store is wiped or restored from a backup, and when the room is
    /// evicted.
    pub epoch: Arc<str>,
    /// Protects the room from eviction.
    pub lease: Lease,
}

/// An engine's guard for an open room. Dropping the guard closes the room.
pub type Lease = Box<dyn Any + Send + Sync>;

impl Deref for OpenRoom {
    type Target = RoomHistory;

    fn deref(&self) -> &RoomHistory {
        &self.stored
    }
}

impl fmt::Debug for OpenRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, epoch, .. } = self;
        f.debug_struct("OpenRoom").field("stored", stored).field("epoch", epoch).finish()
    }
}

/// A storage engine for the messages of all rooms, with a bound on its size.
///
/// Callers append to a room one batch at a time and wait for the result. Once `append` has returned
/// `Ok`, the messages survive a crash of the process, and every later `read` and `load` sees them.
///
/// When the store nears its bound, the engine evicts closed rooms, least recently used first. A room
/// is evicted as a whole: the next `load` returns an empty room with a new epoch. If every room is
/// open, the engine removes the oldest messages of the largest rooms. If that frees too little,
/// appends fail and reads still work.
pub trait History: Send + Sync + 'static {
    /// Returns an opaque URL-safe string that identifies this store. It survives restarts and
    /// changes when the store is wiped or restored from a backup.
    fn epoch(&self) -> &str;

    /// Opens a room: reads its newest page and protects it from eviction. An unknown room is empty.
    fn load(&self, room: &RoomId) -> StoreFuture<OpenRoom>;

    /// Stores all of the messages or none of them, with consecutive ids that follow the room's
    /// newest. Returns the first of these ids.
    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> StoreFuture<MessageId>;

    /// Returns the stored messages with ids in the range, oldest first.
    fn read(
        &self,
        room: &RoomId,
        ids: RangeInclusive<MessageId>,
    ) -> StoreFuture<Vec<StoredMessage>>;
}
