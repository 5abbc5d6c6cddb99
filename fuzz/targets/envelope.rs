//! The fuzz target `envelope`: see `src/envelope.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("envelope", input));
