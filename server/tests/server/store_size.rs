//! The size bound of the store, with the real binary: floods neither fill the disk nor affect members of
//! other rooms.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use xmeet_shared::ServerMessage;

use crate::support::{Client, Process};

const MIB: u64 = 1024 * 1024;

/// The size bound of the store, and the allowed size of the folder, in bytes.
const STORE_BYTES_MAX: u64 = 32 * MIB;
const FOLDER_BYTES_MAX: u64 = 96 * MIB;

/// Long texts of each writer. Together they are several times the bound.
const WRITERS: usize = 4;
const LONG_TEXTS: usize = 300;
const LONG_BYTES: usize = 60_000;

/// Long texts that a wandering writer sends in one room before it joins the next.
const TEXTS_OF_A_ROOM: usize = 5;

fn start(folder: &Path) -> Process {
    let mut command = Process::command(folder);
    command.args(["--store-bytes-max", &STORE_BYTES_MAX.to_string()]);
    // Without pings, an idle member stays connected.
    command.args(["--ping-seconds", "3600"]);
    Process::spawn(command)
}

/// Measures a folder until it is stopped. Returns the maximum size.
fn watch(folder: &Path, ended: &Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    let (folder, ended) = (folder.to_owned(), Arc::clone(ended));
    thread::spawn(move || {
        let mut largest = 0;
        while !ended.load(Ordering::Relaxed) {
            let files = fs::read_dir(&folder).unwrap();
            // A file may be removed during the count.
            let bytes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum();
            largest = largest.max(bytes);
            thread::sleep(Duration::from_millis(2));
        }
        largest
    })
}

/// Sends a long text. Returns whether it was stored.
async fn say_long(client: &mut Client) -> bool {
    client.send(&"x".repeat(LONG_BYTES)).await;
    match client.next().await.message {
        ServerMessage::Normal { .. } => true,
        ServerMessage::Error { .. } => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_stay_within_the_bound_and_keep_the_history_of_an_open_room() {
    let folder = TempDir::new().unwrap();
    let process = start(folder.path());
    let address = process.address;
    let mut member = Client::enter(address, "quiet", "member").await;
    for id in 1..=60 {
        assert_eq!(member.say(&id.to_string()).await, id);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let watching = watch(folder.path(), &ended);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(async move {
            let mut stored = 0;
            let mut client = Client::enter(address, &format!("room{writer}"), "w").await;
            for number in 0..LONG_TEXTS {
                if writer % 2 == 1 && number % TEXTS_OF_A_ROOM == 0 {
                    client.leave().await;
                    client = Client::enter(address, &format!("room{writer}/{number}"), "w").await;
                }
                stored += usize::from(say_long(&mut client).await);
            }
            stored
        });
    }
    let mut stored = 0;
    while let Some(count) = writers.join_next().await {
        stored += count.unwrap();
    }
    assert_eq!(member.say("still here").await, 61);
    ended.store(true, Ordering::Relaxed);
    let largest = watching.join().unwrap();
    assert!(largest < FOLDER_BYTES_MAX, "{largest}");
    assert_eq!(stored, WRITERS * LONG_TEXTS, "eviction keeps up with the writers");
    let mut request = Client::enter(address, "quiet", "request").await;
    let ids: Vec<_> = request.page.iter().map(|record| record.id.unwrap()).collect();
    assert_eq!(ids, (12..=61).collect::<Vec<_>>());
    let ids: Vec<_> = request.ask_page(1).await.iter().map(|record| record.id.unwrap()).collect();
    assert_eq!(ids, (1..=11).collect::<Vec<_>>());
    assert!(process.stopped().await.contains("unused rooms were evicted"));
}

/// The new epoch tells a resuming client that its room's history was evicted.
#[tokio::test]
async fn evicted_room_greets_with_a_new_epoch() {
    let folder = TempDir::new().unwrap();
    let process = start(folder.path());
    let address = process.address;
    let token = "a-token-of-a-tab_012345";
    let mut first = Client::enter_with(address, "old", "n", token).await;
    assert_eq!(first.say("1").await, 1);
    let epoch = first.epoch.clone();
    first.leave().await;
    let mut filler = Client::enter(address, "large", "f").await;
    for _ in 0..2 * STORE_BYTES_MAX / LONG_BYTES as u64 {
        assert!(say_long(&mut filler).await);
    }
    let mut back = Client::enter_with(address, "old", "n", token).await;
    assert_eq!(back.page, []);
    assert_ne!(back.epoch, epoch);
    assert_eq!(back.say("again").await, 1);
    let kept = back.epoch.clone();
    back.leave().await;
    assert_eq!(Client::enter_with(address, "old", "n", token).await.epoch, kept);
}
