//! The fuzz target `judges`: see `src/judges.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("judges", input));
