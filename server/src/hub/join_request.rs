//! The request of a session to join a room.

use xmeet_shared::{Nickname, RoomId, SessionToken};

/// A request to join a room.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    pub room: RoomId,
    pub nickname: Nickname,
    /// The token by which the client resumes, if it asked for that.
    pub token: Option<SessionToken>,
    /// Whether the texts of this connection become part of the history.
    pub is_stored: bool,
}
