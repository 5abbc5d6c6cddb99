//! The fuzz target `text`: see `src/text.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("text", input));
