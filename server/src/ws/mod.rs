//! A client's connection: the handshake, the socket, what waits to be written, and the session
//! that joins them to a room.

pub mod handshake;
mod nicknames;
pub mod outbox;
pub mod session;
pub mod socket;
mod transport;
