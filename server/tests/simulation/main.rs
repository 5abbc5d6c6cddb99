//! Goal: the guarantees of rooms, history and sessions hold with delays, failures, stalls, lost connections
//! and resumes. Method: the real hub, rooms and sessions run in virtual time over a store and connections
//! in memory, with simulated clients. A seed makes every choice, so the same seed gives the same run, byte
//! for byte. `checker` then compares the stored messages with what each client sent and received.
//! `scenarios` has runs that random choices would seldom make.
//!
//! `XMEET_SIMULATION_SEEDS` is the number of seeds; `XMEET_SIMULATION_SEED` runs a single one.

mod checker;
mod client;
mod journal;
mod line;
mod pages;
mod pipe;
mod scenarios;
mod scenarios_joining;
mod slow_lines;
mod store;
mod timeline;
mod wire;
mod world;

use std::env;
use std::panic::catch_unwind;

use crate::checker::{Tally, check};

/// Default number of seeds.
const SEEDS_DEFAULT: u64 = 200;

/// Seeds that run twice, to compare the two runs.
const SEEDS_TWICE: u64 = 10;

/// Reads a number from the environment.
fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Runs a seed and checks it. Returns a panic as an error too.
fn try_seed(seed: u64) -> Result<Tally, String> {
    let outcome = catch_unwind(|| world::run(seed).and_then(|outcome| check(&outcome.run)));
    outcome.unwrap_or_else(|_| Err("a panic, see above".to_owned()))
}

#[test]
fn guarantees_hold_for_every_seed() {
    let seeds = match setting("XMEET_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("XMEET_SIMULATION_SEEDS").unwrap_or(SEEDS_DEFAULT),
    };
    let (mut tally, mut failed) = (Tally::default(), Vec::new());
    for seed in seeds.clone() {
        match try_seed(seed) {
            Ok(seen) => tally += seen,
            Err(fault) => {
                eprintln!("simulation: seed {seed}: {fault}");
                failed.push(seed);
            }
        }
    }
    eprintln!("simulation: seeds {seeds:?}, {tally:?}");
    if let Some(seed) = failed.first() {
        panic!(
            "{} seeds failed: {failed:?}; to run one again: XMEET_SIMULATION_SEED={seed} \
             cargo test -p xmeet-server --test simulation the_promises",
            failed.len()
        );
    }
}

#[test]
fn same_seed_makes_the_same_run() {
    for seed in 0..SEEDS_TWICE {
        let digests = [(); 2].map(|()| world::run(seed).unwrap().digest);
        assert_eq!(digests[0], digests[1], "seed {seed}");
    }
}
