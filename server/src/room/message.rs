//! A message that somebody said, before and after it was kept.

use std::sync::Arc;

use xmeet_shared::{MessageId, Nickname, Pid, UnixMillis};

/// What was said, by whom, under which name, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The author's pid.
    pub from: Pid,
    /// The author's nickname at the time of speaking.
    pub nickname: Nickname,
    /// The text, exactly as it was sent.
    pub text: String,
    /// When it reached the room.
    pub ts: UnixMillis,
}

/// A message with its place in the room's history. Cheap to clone: the text is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place: 1, 2, 3 and so on.
    pub id: MessageId,
    /// The message.
    pub message: Arc<Message>,
}
