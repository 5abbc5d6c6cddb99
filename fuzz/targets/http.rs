//! The fuzz target `http`: see `src/http.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("http", input));
