//! The fuzz target `command`: see `src/command.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| xmeet_fuzz::check("command", input));
