//! Properties of any client input. Each fuzz target has one, as a function that panics if the property is
//! violated.
//!
//! The targets in `targets/` pass the fuzzer's inputs to them, and `tests/seeds.rs` the inputs in `seeds/`.
//! An input that once violated a property is kept there as a seed.

mod command;
mod envelope;
mod frames;
mod handshake;
mod http;
mod judges;
mod text;

/// A property of any input.
pub type Property = fn(&[u8]);

/// The fuzz targets by name: each has a program in `targets/` and a folder in `seeds/`.
pub const TARGETS: [(&str, Property); 7] = [
    ("command", command::holds),
    ("envelope", envelope::holds),
    ("frames", frames::holds),
    ("handshake", handshake::holds),
    ("http", http::holds),
    ("judges", judges::holds),
    ("text", text::holds),
];

/// Checks the property of a target.
///
/// # Panics
/// If the property is violated, or no target has this name.
pub fn check(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, property) = found.expect("there is such a target");
    property(input);
}
