//! The connection to a room: when to dial ([`machine`], [`backoff`]: pure) and the socket itself
//! ([`socket`], which [`link`] drives by the machine's word).

pub mod backoff;
pub mod link;
pub mod machine;
pub mod socket;

pub use link::{Link, LinkEvent};
pub use machine::{Input, Phase};
