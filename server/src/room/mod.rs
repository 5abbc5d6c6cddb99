//! A room as a pure state machine: inputs and the time go in, effects come out. Nothing here does
//! IO, reads a clock, draws a random number or knows of tasks; `hub` does all that.
//!
//! A room applies its inputs in the order in which they arrive. A message is applied once the store
//! has committed it, and later inputs wait behind it ([`pending`]). So every member, every greeting
//! and every history page reads the same log in the same order.

mod age;
mod interface;
mod message;
mod pending;
mod roster;
mod state;
mod tail;

pub(crate) use age::{ValidTimes, expired_count};
pub use interface::{Action, Effect, Event, Input, RoomHistory, Snapshot};
pub use message::{Message, StoredMessage};
pub use roster::{MemberKey, Roster};
pub use state::Room;
pub use tail::HELD_TEXT_BYTES_MAX_DEFAULT;

#[cfg(test)]
mod age_test;
#[cfg(test)]
mod model_test;
