//! Goal: no received message is lost when the server is killed. Method: the real binary is killed under load
//! many times.
//!
//! Each round fills many rooms with clients of different roles, kills the server (`kill -9`) after a random
//! number of deliveries, restarts it on the same folder, and reads all histories. `model` checks them. Some
//! rounds also kill the server during its start or its shutdown. Every other server has one processor.
//!
//! `XMEET_CRASH_ROUNDS` is the number of rounds. A seed makes all choices, and a failure prints it;
//! `XMEET_CRASH_SEED` repeats the choices. The seed does not control the scheduling of threads and
//! processes, so a fault that depends on it may take several runs to appear again.

mod connection;
mod crowd;
mod fault;
mod load;
mod members;
mod model;
mod model_test;
mod plan;
mod server;
#[path = "../server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of the protocol use the rest of it")]
mod support;

use std::env;
use std::time::Instant;

use tempfile::TempDir;

use crate::crowd::{Crowd, read_all};
use crate::model::Model;
use crate::plan::Plan;
use crate::server::Server;

const ROUNDS_DEFAULT: u64 = 10;

/// Prints the seed if the round panics.
struct Witness {
    seed: u64,
    round: u64,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let Self { seed, round } = self;
        if std::thread::panicking() {
            eprintln!("crash: round {round} failed; XMEET_CRASH_SEED={seed} chooses the same");
        }
    }
}

/// Reads a number from the environment.
fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn received_messages_survive_every_crash() {
    let seed = setting("XMEET_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = setting("XMEET_CRASH_ROUNDS").unwrap_or(ROUNDS_DEFAULT);
    eprintln!("crash: {rounds} rounds, XMEET_CRASH_SEED={seed}");
    let folder = TempDir::new().unwrap();
    let mut model = Model::default();
    let (mut received, mut cut_off, mut kept_unseen) = (0, 0, 0);
    let mut server = Server::start(folder.path(), false).await;
    for round in 1..=rounds {
        let _witness = Witness { seed, round };
        let started = Instant::now();
        let mut plan = Plan::new(seed, round);
        let load = server.load(&plan);
        let crowd = Crowd::gather(&mut plan, &load);
        server = server.crash(&plan, &load, folder.path()).await;
        let journals = crowd.journals().await;
        let readings = read_all(server.address).await;
        let tally = match model.check(&journals, &readings) {
            Ok(tally) => tally,
            Err(fault) => panic!("{fault}; the round was to end so: {:?}", plan.ending),
        };
        received += tally.received;
        cut_off += tally.cut_off;
        kept_unseen += tally.kept_unseen;
        let (ending, took) = (&plan.ending, started.elapsed());
        eprintln!(
            "crash: round {round}, {} connections, {tally:?}, {ending:?}, {took:.1?}",
            journals.len()
        );
    }
    server.stop().await;
    eprintln!(
        "crash: {rounds} rounds, {received} receptions checked, {cut_off} messages cut off, \
         {kept_unseen} stored and not delivered"
    );
    // Otherwise no kill interrupted the server's work, and the test shows nothing.
    assert!(cut_off > 0, "every message that was sent is kept");
}
