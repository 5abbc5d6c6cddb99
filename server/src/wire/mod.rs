//! Bytes to and from one client: frames, the two halves of its stream, the outbox that rooms write
//! to, and the memory that all of it may take.

pub mod budget;
pub(crate) mod decoder;
pub(crate) mod frame;
mod memory_queue;
pub mod outbox;
pub mod stream;
pub mod tls;

// For the fuzz target `frames`, which is in a package of its own.
#[doc(hidden)]
pub use decoder::{Decoder, Received};

#[cfg(test)]
pub(crate) mod test_socket;
