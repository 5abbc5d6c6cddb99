//! A connection past its handshake, and who came over it.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use xmeet_shared::{Nickname, RoomId, SessionToken};

use super::account::ConnectionId;
use super::stream::{Reading, Writing};
use crate::limits::gate::Place;

/// Who wants to come in, and where to.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The room.
    pub room: RoomId,
    /// The name.
    pub nickname: Nickname,
    /// What the client resumes by, if it asked for that.
    pub token: Option<SessionToken>,
}

/// A connection past its handshake.
pub struct Connection {
    /// What it is called in the log.
    pub id: ConnectionId,
    /// Where the client is, if that may be logged.
    pub address: Option<IpAddr>,
    /// Its receiving half.
    pub reading: Reading,
    /// Its sending half.
    pub writing: Writing,
    /// What came together with the handshake.
    pub early: Vec<u8>,
    /// Its place among all, which is free again when the session has ended.
    pub place: Option<Arc<Place>>,
}

impl Connection {
    /// A plain TCP connection.
    #[must_use]
    pub fn tcp(id: ConnectionId, stream: TcpStream, early: Vec<u8>) -> Self {
        let (reading, writing) = stream.into_split();
        let (reading, writing) = (Reading::Tcp(reading), Writing::Tcp(writing));
        Self { id, address: None, reading, writing, early, place: None }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).finish_non_exhaustive()
    }
}
