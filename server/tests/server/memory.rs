//! The real binary returns the memory of a crowd to the system when the crowd has left.

use std::collections::BTreeMap;
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

/// Size of a text that is six times as long on the wire.
const LARGE_TEXT_BYTES: usize = 32 * 1024;

const ASKERS: usize = 16;

/// Memory that the pages of all askers exceed.
const TAKEN_MIB: u64 = 128;

/// Memory that may stay: caches, and relocated pages of the program.
const KEPT_MIB: u64 = 16;

/// Deadline for memory to be returned. jemalloc returns a page within ten seconds after it was freed, and an
/// idle thread of the store frees its cache after ten seconds.
const RETURN_TIMEOUT: Duration = Duration::from_secs(60);

/// Interval between two looks at the process.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Returns the anonymous memory of the process.
fn anonymous_mib(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024
}

/// Returns how often each of the store's reader threads has gone to sleep.
fn reader_sleeps(process: &Process) -> BTreeMap<String, u64> {
    let mut sleeps = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap() {
        let path = task.unwrap().path();
        if !fs::read_to_string(path.join("comm")).unwrap().starts_with("history-reader") {
            continue;
        }
        let status = fs::read_to_string(path.join("status")).unwrap();
        let mut lines = status.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        sleeps.insert(path.display().to_string(), count.trim().parse().unwrap());
    }
    assert!(!sleeps.is_empty(), "the store has reader threads");
    sleeps
}

/// Waits until every idle reader thread has woken up, released its memory, and gone to sleep again.
async fn until_readers_released(process: &Process) {
    let before = reader_sleeps(process);
    let released = async {
        while reader_sleeps(process).iter().any(|(thread, sleeps)| before[thread] == *sleeps) {
            sleep(LOOK_INTERVAL).await;
        }
    };
    timeout(RETURN_TIMEOUT, released).await.expect("idle readers wake up");
}

/// Enters the room, requests its long page, and does not read it.
async fn asker(process: &Process) -> TcpStream {
    let mut stream = stalled_member(process.address, "r").await;
    stream.write_all(&frame(TEXT, b"@history:1")).await.unwrap();
    stream
}

async fn until_returned(process: &Process) {
    let returned = async {
        while anonymous_mib(process) > KEPT_MIB {
            sleep(LOOK_INTERVAL).await;
        }
    };
    let outcome = timeout(RETURN_TIMEOUT, returned).await;
    outcome.unwrap_or_else(|_| panic!("{} MiB stay", anonymous_mib(process)));
}

/// Threads of the store allocate what the rooms hold. The threads release memory when they become idle,
/// while the rooms still hold theirs, so they must release again after the rooms have closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_of_rooms_that_idle_store_threads_read_is_returned() {
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
    until_readers_released(&process).await;
    let taken = anonymous_mib(&process);
    assert!(taken > ROOMS_TAKE_MIB, "{taken} MiB");
    drop(members);
    until_returned(&process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_of_unread_pages_is_returned_after_their_clients_leave() {
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
    until("the pages take memory", async || anonymous_mib(&process) > TAKEN_MIB).await;
    drop(askers);
    until_returned(&process).await;
    let mut reader = Client::enter(process.address, "r", "reader").await;
    assert_eq!(reader.ask_page(1).await.len(), 50);
}
