//! How much anybody may do, so that one client cannot take from the others.
//!
//! What decides is pure: [`bucket`] and [`pace`] for one connection's messages; time comes in as a
//! number. [`hits`] counts how often each limit was met.

pub mod bucket;
pub mod hits;
pub mod pace;
