//! What a crowd took of the system's memory, the real binary gives back when the crowd has gone.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::client::stalled_member;
use crate::support::raw::frame;
use crate::support::{Client, Process, until};

const TEXT: u8 = 0x81;

/// A page of these takes six times as much on its way.
const LARGE_TEXT_BYTES: usize = 32 * 1024;

const ASKERS: usize = 16;

/// Less than the pages of all askers.
const TAKEN_MIB: u64 = 128;

/// What may stay: caches, and the program's own pages, which are read when they are run first.
const KEPT_MIB: u64 = 16;

/// Everything that gives memory back looks every ten seconds, and some wait for others.
const GIVEN_BACK_MAX: Duration = Duration::from_secs(60);

/// How long the store's threads are idle before they give back.
const STORE_IDLE: Duration = Duration::from_secs(10);

/// What it holds of the machine's memory, but for its program.
fn anonymous_mib(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024
}

/// Somebody who asks for the long page, and does not read it.
async fn asker(process: &Process) -> TcpStream {
    let mut stream = stalled_member(process.address, "r").await;
    stream.write_all(&frame(TEXT, b"@history:1")).await.unwrap();
    stream
}

async fn given_back(process: &Process) {
    let given_back = async {
        while anonymous_mib(process) > KEPT_MIB {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let outcome = timeout(GIVEN_BACK_MAX, given_back).await;
    outcome.unwrap_or_else(|_| panic!("{} MiB stay", anonymous_mib(process)));
}

/// The store's threads have read what rooms hold, and written what fills its cache for writing. They
/// are idle, and give back, once while the rooms still hold it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_many_rooms_took_is_given_back_by_whoever_read_and_wrote_it() {
    const ROOMS: usize = 600;
    const ROOMS_TAKE_MIB: u64 = 64;
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let text = "x".repeat(60 * 1024);
    for number in 0..ROOMS {
        let mut writer = Client::enter(process.address, &number.to_string(), "writer").await;
        writer.say(&text).await;
        writer.say(&text).await;
        writer.leave().await;
    }
    let mut members = Vec::new();
    for number in 0..ROOMS {
        members.push(Client::enter(process.address, &number.to_string(), "reader").await);
    }
    let idle = STORE_IDLE + Duration::from_secs(2);
    sleep(idle).await;
    let taken = anonymous_mib(&process);
    assert!(taken > ROOMS_TAKE_MIB, "{taken} MiB");
    drop(members);
    given_back(&process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_crowd_took_is_given_back() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut writer = Client::enter(process.address, "r", "writer").await;
    for number in 0..100 {
        let large = "\u{1}".repeat(if number < 50 { LARGE_TEXT_BYTES } else { 1 });
        writer.say(&large).await;
    }
    writer.leave().await;

    let mut askers = Vec::new();
    for _ in 0..ASKERS {
        askers.push(asker(&process).await);
    }
    until("they hold much", async || anonymous_mib(&process) > TAKEN_MIB).await;
    drop(askers);
    given_back(&process).await;
    // It goes on as before.
    let mut reader = Client::enter(process.address, "r", "reader").await;
    assert_eq!(reader.ask_page(1).await.len(), 50);
}
