//! A client's connection: handshake, frames, session, goodbye.
//!
//! Bytes come in through `reader` and `decoder`, one connection at a time, and go out through
//! `outbox`, to which rooms write directly. What all of them hold together is in `memory`.

pub mod account;
mod closing;
pub mod connection;
mod decoder;
pub(crate) mod frame;
pub mod handshake;
pub mod keeper;
pub mod memory;
pub mod nicknames;
pub mod origins;
pub mod outbox;
mod reader;
pub mod session;
pub mod stream;

// For the fuzz target `frames`, which is in a package of its own.
#[doc(hidden)]
pub use decoder::{Decoder, Received};

#[cfg(test)]
pub(crate) mod test_socket;
