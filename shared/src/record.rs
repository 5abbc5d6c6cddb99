//! One kept message, as it stands in a `history` page.

use serde::{Deserialize, Serialize};

use crate::{MessageId, Nickname, Pid, SendTime, UnixMillis};

/// A kept message. The three keys of the original protocol come first; a server of the original
/// sends only those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who said it.
    pub from: Pid,
    /// What was said.
    pub payload: String,
    /// The day it was said, in the server's time zone.
    pub send_time: SendTime,
    /// Its place in the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The moment it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<UnixMillis>,
    /// What its author was called then: a pid means nothing once its owner has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<Nickname>,
}
