//! A stored message in a `history` frame.

use serde::{Deserialize, Serialize};

use crate::{MessageId, Nickname, Pid, SendTime, UnixMillis};

/// A stored message. The first three keys are those of the original protocol; the original server
/// sends no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The author.
    pub from: Pid,
    /// The text.
    pub payload: String,
    /// The day in the server's time zone.
    pub send_time: SendTime,
    /// The message's number in the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The time of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<UnixMillis>,
    /// The author's nickname at that time. After the author has left, the pid identifies no member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<Nickname>,
}
