//! A client's connection: handshake, frames, session, goodbye.
//!
//! Bytes come in through `reader` and `decoder`, one connection at a time, and go out through
//! `outbox`, to which rooms write directly.

mod closing;
mod decoder;
pub(crate) mod frame;
pub mod handshake;
pub mod keeper;
pub mod nicknames;
pub mod outbox;
mod reader;
pub mod session;
pub mod stream;

#[cfg(test)]
mod test_socket;
