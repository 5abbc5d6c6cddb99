//! What must hold for whatever a client sends: one property a fuzz target, as a plain function that
//! panics where it does not hold.
//!
//! The targets in `targets/` hand them what the fuzzer thinks of, and `tests/seeds.rs` what is kept
//! in `seeds/`. An input that once broke a property is kept there as a seed.

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
/// When it does not hold, or there is no target of that name.
pub fn check(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, property) = found.expect("there is such a target");
    property(input);
}
