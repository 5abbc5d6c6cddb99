//! The limits of clients: rates, counts and budgets. The decisions are pure, and time is a number.
//!
//! - [`bucket`]: token buckets; [`pace`]: the rate limit of one client
//! - [`addresses`]: limits of one address; [`budgets`]: daily storage budgets
//! - [`network`], [`forwarded`]: the address that counts as the client's, behind proxies
//! - [`admission`]: admits connections and rooms
//! - [`counters`], [`log`]: metrics and log lines about limits
//! - [`descriptors`]: the process's limit of open files

pub mod addresses;
pub mod admission;
pub mod bucket;
pub mod budgets;
pub mod counters;
pub mod descriptors;
pub mod forwarded;
mod log;
pub mod network;
pub mod pace;

use tokio::time::Instant;

/// Returns the time for all decisions here: nanoseconds since `start`.
#[must_use]
pub fn ns_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
