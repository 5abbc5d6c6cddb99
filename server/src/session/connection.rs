//! A connection after its handshake.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::stats::ConnectionId;
use crate::limits::admission::ConnectionPermit;
use crate::wire::stream::{Reading, Writing};

/// A connection after its handshake.
pub struct Connection {
    pub id: ConnectionId,
    /// The client's address, if addresses are logged.
    pub address: Option<IpAddr>,
    pub reading: Reading,
    pub writing: Writing,
    /// Bytes of frames that arrived together with the handshake.
    pub early: Vec<u8>,
    /// The connection's permit, if connections are limited.
    pub permit: Option<Arc<ConnectionPermit>>,
}

impl Connection {
    /// Creates a connection without TLS and without a permit. `early` are the bytes of frames that
    /// arrived together with the handshake.
    #[must_use]
    pub fn tcp(id: ConnectionId, stream: TcpStream, early: Vec<u8>) -> Self {
        let (read_half, write_half) = stream.into_split();
        let (reading, writing) = (Reading::Tcp(read_half), Writing::Tcp(write_half));
        Self { id, address: None, reading, writing, early, permit: None }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).finish_non_exhaustive()
    }
}
