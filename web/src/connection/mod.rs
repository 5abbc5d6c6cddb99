//! The connection to a room, as pure state. [`machine`] decides when to connect. It uses the waits of
//! [`backoff`], the deadlines of [`transfer`] and the time of [`clock`].

pub mod backoff;
pub mod clock;
pub mod machine;
pub mod transfer;

pub use clock::Millis;
pub use machine::{Effect as MachineEffect, Input, Phase};
