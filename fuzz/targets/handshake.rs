//! The fuzz target `handshake`: see `src/handshake.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("handshake", input));
