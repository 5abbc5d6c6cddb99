//! Nothing that anybody received is lost: the real binary is killed under load, again and again.
//!
//! Every round fills many rooms with clients of all manners, kills the server (`kill -9`) once a
//! random number of messages was delivered, so that it falls into whatever the server is doing
//! then, starts it again on the same folder, and reads all histories. `model` says what must be in
//! them. Some rounds kill the start, or an orderly shutdown, as well. Every other server has one
//! processor only.
//!
//! `XMEET_CRASH_ROUNDS` says how many rounds there are. All choices come from a seed, which a
//! failure names; `XMEET_CRASH_SEED` makes them again. The moments at which threads and processes
//! run are not choices: a fault that depends on them may take several runs to come back.

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

/// Says how to make the same choices again, when its round ends in a panic.
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

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anybody_received_outlives_every_crash() {
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
         {kept_unseen} kept that nobody saw"
    );
    // Otherwise no kill fell into any work, and the test showed nothing.
    assert!(cut_off > 0, "every message that was sent is kept");
}
