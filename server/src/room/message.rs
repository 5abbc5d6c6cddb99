//! A message, before and after it is stored.

use std::sync::Arc;

use xmeet_shared::{MessageId, Nickname, Pid, UnixMillis};

/// A text with its author and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub from: Pid,
    /// The author's nickname when the text was sent.
    pub nickname: Nickname,
    /// The text exactly as it was sent.
    pub text: String,
    /// When the text reached the room.
    pub ts: UnixMillis,
}

/// A message in a room's history. Cheap to clone, because the text is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The position in the history: 1, 2, 3 and so on.
    pub id: MessageId,
    pub message: Arc<Message>,
}
