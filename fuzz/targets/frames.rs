//! The fuzz target `frames`: see `src/frames.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("frames", input));
