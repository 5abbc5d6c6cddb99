//! Tests of the size bound and of eviction.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rusqlite::params;
use tempfile::TempDir;
use tokio::time::timeout;

use super::super::*;
use super::{another, stop};
use crate::history::contract_test::{
    SMALL_BYTES_MAX, check_bounded_contract, fill, message, room, write_rooms,
};

/// Time limit of each wait, so that a failing test does not hang.
const TIMEOUT: Duration = Duration::from_secs(120);

const MIB: u64 = 1024 * 1024;

fn open_small(folder: &TempDir, bytes_max: u64) -> (Opened, Arc<StoreMetrics>) {
    let retention = Retention { bytes_max, ..Retention::default() };
    let metrics = Arc::<StoreMetrics>::default();
    (SqliteHistory::open_with(folder.path(), &retention, Arc::clone(&metrics)).unwrap(), metrics)
}

/// Returns the size of all files in a folder, in bytes.
fn folder_bytes(folder: &TempDir) -> u64 {
    let files = fs::read_dir(folder.path()).unwrap();
    // A file may be removed meanwhile.
    files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contract_holds_with_a_size_bound() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    timeout(TIMEOUT, check_bounded_contract(&history)).await.unwrap();
    stop(threads).await;
}

/// Concurrent writers with open and closed rooms, and with long and short texts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn size_bound_of_32_mib_keeps_the_folder_below_96_mib() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, metrics) = open_small(&folder, 32 * MIB);
    let mut open = Vec::new();
    for number in 0..4 {
        open.push(history.load(&room(&format!("open{number}"))).await.unwrap());
    }
    let work = (0..8_u64).map(|writer| {
        let (history, folder) = (&history, &folder);
        async move {
            let mut rng = fastrand::Rng::with_seed(writer);
            let mut largest = 0;
            for round in 0..300 {
                let name = match writer {
                    0..4 => format!("open{writer}"),
                    _ => format!("many{writer}/{}", round / 4),
                };
                let bytes = if round % 3 == 0 { rng.usize(1..200) } else { 60_000 };
                let count = if bytes < 200 { 60 } else { rng.usize(1..4) };
                let messages = vec![message(&"x".repeat(bytes)); count];
                // An append may be rejected while only open rooms are left.
                let outcome = history.append(&room(&name), messages).await;
                assert!(matches!(outcome, Ok(_) | Err(HistoryError::Storage(_))), "{outcome:?}");
                largest = folder_bytes(folder).max(largest);
            }
            largest
        }
    });
    let largest = timeout(TIMEOUT, join_all(work)).await.unwrap();
    let largest = largest.into_iter().max().unwrap();
    assert!(largest < 96 * MIB, "{largest}");
    assert!(metrics.evicted_messages.get() > 2000, "{}", metrics.evicted_messages.get());
    for number in 0..4 {
        let room = room(&format!("open{number}"));
        let stored = history.load(&room).await.unwrap();
        let newest = stored.newest;
        assert_eq!(history.append(&room, vec![message("next")]).await.unwrap(), newest + 1);
    }
    stop(threads).await;
    assert!(folder_bytes(&folder) < 34 * MIB, "{}", folder_bytes(&folder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_of_one_message_are_evicted_within_a_small_bound() {
    const ROOMS: u64 = 100_000;
    // Less than the rooms need together.
    const BYTES_MAX: u64 = 6 * MIB;
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, metrics) = open_small(&folder, BYTES_MAX);
    for start in (0..ROOMS).step_by(1000) {
        let appends = (start..start + 1000).map(|number| {
            let history = &history;
            async move { history.append(&room(&number.to_string()), vec![message("x")]).await }
        });
        let firsts = timeout(TIMEOUT, join_all(appends)).await.unwrap();
        assert!(firsts.into_iter().all(|first| first == Ok(1)));
        assert!(folder_bytes(&folder) < 3 * BYTES_MAX, "{}", folder_bytes(&folder));
    }
    let newest = async |number: u64| history.load(&room(&number.to_string())).await.unwrap().newest;
    assert_eq!((newest(0).await, newest(ROOMS - 1).await), (0, 1));
    stop(threads).await;
    // Eviction may continue until the stop.
    let evicted = metrics.evicted_rooms.get();
    assert!(evicted > 0 && evicted < ROOMS, "{evicted}");
    let count = "SELECT (SELECT count(*) FROM room), (SELECT count(*) FROM message)";
    let left: (u64, u64) =
        another(&folder).query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(left, (ROOMS - evicted, ROOMS - evicted));
}

#[tokio::test]
async fn epoch_of_an_evicted_room_survives_restarts() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    fill(&history, &room("a"), 3).await;
    let first = history.load(&room("a")).await.unwrap().epoch;
    write_rooms(&history, "filling", 2 * SMALL_BYTES_MAX).await;
    fill(&history, &room("a"), 4).await;
    let second = history.load(&room("a")).await.unwrap().epoch;
    assert_ne!(first, second);
    stop(threads).await;
    let (Opened { history, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    let stored = history.load(&room("a")).await.unwrap();
    assert_eq!((stored.newest, &stored.epoch), (4, &second));
    assert_ne!(history.load(&room("never")).await.unwrap().epoch, first);
}

#[tokio::test]
async fn reading_a_room_counts_as_a_use() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    let long = "x".repeat(60_000);
    for name in ["read", "unread"] {
        history.append(&room(name), vec![message(&long); 15]).await.unwrap();
        history.append(&room(name), vec![message(&long); 50]).await.unwrap();
    }
    stop(threads).await;
    another(&folder).execute_batch("UPDATE room SET used = id").unwrap();
    let (Opened { history, threads, .. }, metrics) = open_small(&folder, SMALL_BYTES_MAX);
    drop(history.load(&room("read")).await.unwrap());
    let mut number = 0;
    while metrics.evicted_rooms.get() == 0 {
        number += 1;
        let name = format!("filling{number}");
        history.append(&room(&name), vec![message(&long)]).await.unwrap();
    }
    assert_eq!(history.load(&room("unread")).await.unwrap().newest, 0);
    assert_eq!(history.load(&room("read")).await.unwrap().newest, 65);
    stop(threads).await;
}

#[tokio::test]
async fn room_with_an_unreadable_name_does_not_stop_eviction() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    for name in ["empty", "long", "bytes", "whole"] {
        fill(&history, &room(name), 1).await;
    }
    stop(threads).await;
    another(&folder)
        .execute_batch(
            "UPDATE room SET used = id;
             UPDATE room SET name = '' WHERE name = 'empty';
             UPDATE room SET name = hex(zeroblob(10000)) WHERE name = 'long';
             UPDATE room SET name = x'ff' WHERE name = 'bytes';",
        )
        .unwrap();
    let (Opened { history, threads, .. }, metrics) = open_small(&folder, SMALL_BYTES_MAX);
    let long = "x".repeat(60_000);
    for number in 0..1000 {
        let appended = history.append(&room(&format!("filling{number}")), vec![message(&long)]);
        appended.await.unwrap();
        if metrics.evicted_rooms.get() > 0 {
            break;
        }
    }
    assert_eq!(
        history.load(&room("whole")).await.unwrap().newest,
        0,
        "the room with a valid name is evicted"
    );
    stop(threads).await;
}

/// The database is what a crash in the middle of an eviction leaves.
#[tokio::test]
async fn interrupted_eviction_continues_after_a_restart_and_spares_the_new_room() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    fill(&history, &room("a"), 3000).await;
    stop(threads).await;
    let database = another(&folder);
    let row: i64 = database.query_row("SELECT id FROM room", [], |row| row.get(0)).unwrap();
    database.execute_batch("DELETE FROM room; UPDATE start SET evictions = 1").unwrap();
    database.execute("INSERT INTO evicted (room) VALUES (?1)", [row]).unwrap();
    drop(database);
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 0);
    for id in 1..=20 {
        assert_eq!(history.append(&room("a"), vec![message("new")]).await.unwrap(), id);
    }
    stop(threads).await;
    let database = another(&folder);
    let left =
        |sql: &str| database.query_row(sql, params![row], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(left("SELECT count(*) FROM message WHERE room <> ?1"), 20);
    assert!(left("SELECT count(*) FROM message WHERE room = ?1") < 3000, "the eviction continues");
}

/// For example a slow backup. The WAL must not grow for as long as it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_read_rejects_writes_once_the_wal_is_full() {
    let folder = TempDir::new().unwrap();
    let (Opened { history, threads, .. }, _) = open_small(&folder, SMALL_BYTES_MAX);
    fill(&history, &room("a"), 1).await;
    let reader = another(&folder);
    reader.execute_batch("BEGIN").unwrap();
    let count = "SELECT count(*) FROM message";
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
    let long = vec![message(&"x".repeat(60_000)); 4];
    let mut rejection = None;
    for _ in 0..100 {
        let append = timeout(TIMEOUT, history.append(&room("a"), long.clone())).await.unwrap();
        rejection = append.err();
        if rejection.is_some() {
            break;
        }
    }
    let words = rejection.expect("the WAL is full").to_string();
    assert!(words.contains("write-ahead log is full"), "{words}");
    assert!(folder_bytes(&folder) < SMALL_BYTES_MAX, "{}", folder_bytes(&folder));
    reader.execute_batch("COMMIT").unwrap();
    let append = timeout(TIMEOUT, history.append(&room("a"), long)).await.unwrap();
    assert!(append.is_ok(), "{append:?}");
    stop(threads).await;
}

#[test]
fn last_tenth_of_the_file_system_stays_free() {
    let growth =
        |total, free| FileSystem { total_bytes: total, free_bytes: free }.available_bytes();
    assert_eq!((growth(100, 100), growth(100, 11), growth(100, 10), growth(100, 3)), (90, 1, 0, 0));
    let folder = TempDir::new().unwrap();
    let below = folder.path().join("not/there/yet");
    let disk = FileSystem::of(folder.path()).unwrap();
    assert!(disk.total_bytes >= disk.free_bytes && disk.free_bytes > 0, "{disk:?}");
    assert_eq!(possible_bytes(&below, 1).unwrap(), 1);
    assert!(possible_bytes(&below, u64::MAX).unwrap() < disk.total_bytes);
}
