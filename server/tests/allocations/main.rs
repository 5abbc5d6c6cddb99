//! Goal: a delivery to one more member allocates no memory. Method: a server in this process, a small room
//! and a large one over real sockets. The test counts all allocations while each room delivers the same
//! number of messages. The difference is the cost of the additional members.
//!
//! Messages are sent one by one, so that each is its own batch. Only this thread reads, into a buffer that
//! exists before the count.

mod room;

use std::net::SocketAddr;

use clap::Parser;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use xmeet_server::config::Config;
use xmeet_server::shutdown::ShutdownOutcome;

use room::{PATIENCE, Room};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Members of the two rooms. The large room has several shards.
const MEMBERS_FEW: usize = 10;
const MEMBERS_MANY: usize = 200;

/// Messages before the count, so that buffers have grown.
const WARM_UP_MESSAGES: usize = 40;

/// Messages during the count.
const MESSAGES: usize = 100;

/// Allocations per delivery that other work of the process may cause.
const ALLOCATIONS_PER_DELIVERY_MAX: f64 = 0.02;

/// Returns the allocations of the process while a room of this size receives the messages.
fn allocations(address: SocketAddr, members: usize) -> u64 {
    let mut room = Room::fill(address, &format!("room-of-{members}"), members);
    room.speak(WARM_UP_MESSAGES);
    let profiler = dhat::Profiler::builder().testing().build();
    room.speak(MESSAGES);
    let allocations = dhat::HeapStats::get().total_blocks;
    drop(profiler);
    allocations
}

#[test]
fn delivery_allocates_nothing() {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    // The limits are enabled but not reached, so that their allocations count.
    let folder_name = folder.path().to_str().unwrap();
    // On a busy machine, filling the room can take longer than the default timeouts.
    let high = ["--messages-per-second", "10000", "--ping-seconds", "600"];
    let fixed = ["xmeet", "--data-dir", folder_name];
    let config = Config::parse_from(fixed.iter().chain(&high));
    let shutdown = CancellationToken::new();
    let running = runtime.spawn(xmeet_server::run(config, listener, shutdown.clone()));

    let few = allocations(address, MEMBERS_FEW);
    let many = allocations(address, MEMBERS_MANY);
    let deliveries = (MEMBERS_MANY - MEMBERS_FEW) * MESSAGES;
    let per_delivery = many.saturating_sub(few) as f64 / deliveries as f64;
    for (members, counted) in [(MEMBERS_FEW, few), (MEMBERS_MANY, many)] {
        let per_message = counted as f64 / MESSAGES as f64;
        println!("{members} members: {per_message:.2} allocations per message");
    }
    println!("{per_delivery:.4} allocations per delivery");
    assert!(per_delivery < ALLOCATIONS_PER_DELIVERY_MAX, "{few} for few, {many} for many");
    // A broken counter would also show no difference.
    assert!(few > 0, "a message itself is allocated");

    shutdown.cancel();
    let ended = runtime.block_on(async { timeout(PATIENCE, running).await });
    let ended = ended.expect("the server ends").unwrap().unwrap();
    assert_eq!(ended, ShutdownOutcome::Clean);
}
