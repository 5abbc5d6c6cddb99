//! The connection to a room, pure. [`machine`] decides when to connect, with the waits of
//! [`backoff`], the deadlines of [`line`] and the time of [`clock`].

pub mod backoff;
pub mod clock;
pub mod line;
pub mod machine;

pub use clock::Millis;
pub use machine::{Effect as MachineEffect, Input, Phase};
