//! Every seed goes through the property of its target: those the fuzzer starts from, and those that
//! once broke something.

use std::fs;
use std::path::Path;

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|_| panic!("no {}", folder.display()));
    let files = entries.map(|entry| entry.unwrap().path());
    files.map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect()
}

#[test]
fn seeds_pass_all_targets() {
    for (target, property) in xmeet_fuzz::TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has seeds");
        for (name, input) in seeds {
            eprintln!("{name}");
            property(&input);
        }
    }
}

/// Cut anywhere, or with any one byte different, they hold as well: a little fuzzing for a machine
/// that has no fuzzer.
#[test]
fn mutated_seeds_pass_all_targets() {
    for (target, property) in xmeet_fuzz::TARGETS {
        // Each is a connection to a server, or a long text.
        let step = if ["http", "text"].contains(&target) { 7 } else { 1 };
        for (name, input) in seeds(target) {
            eprintln!("{name}");
            for at in (0..input.len()).step_by(step) {
                property(&input[..at]);
                let mut changed = input.clone();
                changed[at] ^= 0x81;
                property(&changed);
            }
        }
    }
}
