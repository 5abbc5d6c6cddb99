//! How much anybody may do, so that one client cannot take from the others.
//!
//! What decides is pure, and time comes in as a number: [`bucket`] and [`pace`] for one connection's
//! messages, [`addresses`] for what is remembered of addresses, [`network`] and [`forwarded`] for
//! whose address counts. [`gate`] holds them for all who let somebody in; [`hits`] counts how often
//! each limit was met, and [`notices`] says in the log who met one.

pub mod addresses;
pub mod bucket;
pub mod descriptors;
pub mod forwarded;
pub mod gate;
pub mod hits;
pub mod network;
mod notices;
pub mod pace;

use tokio::time::Instant;

/// The time of all that decides here: nanoseconds since a moment that its owner chose.
#[must_use]
pub fn ns_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
