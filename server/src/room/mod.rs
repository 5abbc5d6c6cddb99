//! A room as a pure state machine: inputs go in with the time, effects come out. Nothing here does
//! IO, reads a clock, draws a random number or knows of tasks; `hub` does all that.
//!
//! Everything that happens in a room has one place in the room's order, the order in which the
//! inputs came. A message takes its place when it comes and is applied once it is kept, and
//! whatever came after it waits behind it ([`pending`]). So every member, every greeting and every
//! history page reads the same log in the same order.

mod age;
mod interface;
mod message;
mod pending;
mod roster;
mod state;
mod tail;

pub(crate) use age::{Timely, gone};
pub use interface::{Audience, Effect, Event, Input, MemberKey, Snapshot, Stored};
pub use message::{Kept, Message};
pub use roster::Roster;
pub use state::Room;

#[cfg(test)]
mod age_test;
#[cfg(test)]
mod model_test;
