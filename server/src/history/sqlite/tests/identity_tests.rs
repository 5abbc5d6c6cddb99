//! Tests of the epoch, which must change if message ids may be assigned twice, and of the start count,
//! which must never repeat.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::*;
use crate::history::contract_test::{fill, room};

/// Starts and stops the engine. Returns the start count and the epoch.
async fn start(folder: &Path) -> (u64, String) {
    let Opened { history, start_count, epoch, threads, .. } =
        SqliteHistory::open(folder, 100).unwrap();
    assert_eq!(history.epoch(), &*epoch);
    assert!(epoch.len() >= 16 && epoch.chars().all(|c| c.is_ascii_alphanumeric()), "{epoch}");
    fill(&history, &room("a"), 1).await;
    threads.stop().await.unwrap();
    (start_count, epoch.to_string())
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn epoch_survives_restarts() {
    let folder = TempDir::new().unwrap();
    let (first, epoch) = start(folder.path()).await;
    for later in 1..=3 {
        assert_eq!(start(folder.path()).await, (first + later, epoch.clone()));
    }
}

#[tokio::test]
async fn wiped_store_has_a_new_epoch_and_a_higher_start_count() {
    let folder = TempDir::new().unwrap();
    let (first, epoch) = start(folder.path()).await;
    fs::remove_file(folder.path().join(DATABASE_FILE)).unwrap();
    let (second, other) = start(folder.path()).await;
    assert_ne!(other, epoch);
    assert_eq!(second, first + 1, "pids must not repeat");
    assert_eq!(start(folder.path()).await, (second + 1, other));
}

#[tokio::test]
async fn restored_database_has_a_new_epoch() {
    let (folder, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let database = folder.path().join(DATABASE_FILE);
    let (_, epoch) = start(folder.path()).await;
    let old = backup.path().join(DATABASE_FILE);
    fs::copy(&database, &old).unwrap();
    let (last, same) = start(folder.path()).await;
    assert_eq!(same, epoch);
    // Written into the same file, so that only the start count differs.
    fs::write(&database, fs::read(&old).unwrap()).unwrap();
    let (restored, other) = start(folder.path()).await;
    assert_ne!(other, epoch);
    assert_eq!(restored, last + 1, "pids must not repeat");
    assert_eq!(start(folder.path()).await, (restored + 1, other));
}

#[tokio::test]
async fn copied_folder_has_a_new_epoch_and_the_original_keeps_its_own() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (first, epoch) = start(folder.path()).await;
    copy(folder.path(), other.path());
    let (_, copied) = start(other.path()).await;
    assert_ne!(copied, epoch);
    assert_eq!(start(folder.path()).await, (first + 1, epoch));
    assert_eq!(start(other.path()).await.1, copied);
}

/// Such a file does not describe the last run, so messages may have been lost.
#[tokio::test]
async fn lock_file_of_an_older_server_causes_one_new_epoch() {
    let folder = TempDir::new().unwrap();
    let (first, mut epoch) = start(folder.path()).await;
    for (number, content) in ["", "what is this?\nand this?\n"].iter().enumerate() {
        fs::write(folder.path().join("xmeet.lock"), content).unwrap();
        let (count, changed) = start(folder.path()).await;
        assert_eq!(count, first + 1 + 2 * number as u64);
        assert_ne!(changed, epoch);
        assert_eq!(start(folder.path()).await, (count + 1, changed.clone()));
        epoch = changed;
    }
}

/// Starts the engine on a machine with this boot id, and stops it. With `is_killed`, then restores the
/// files as `kill -9` would have left them. Returns the epoch.
async fn run_in(folder: &Path, boot: Option<&str>, sync: SyncMode, is_killed: bool) -> String {
    let retention = Retention { sync, ..Retention::default() };
    let environment = Environment { boot: boot.map(str::to_owned), ..Environment::production() };
    let opened = SqliteHistory::open_in(folder, &retention, environment, Arc::default()).unwrap();
    fill(&opened.history, &room("a"), 1).await;
    let names = ["xmeet.lock", "history.sqlite3", "history.sqlite3-wal"];
    let files: Vec<_> = names.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect();
    opened.threads.stop().await.unwrap();
    if is_killed {
        for (name, bytes) in names.iter().zip(files) {
            // Written into the same files: a new file would look like a restored database.
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    opened.epoch.to_string()
}

/// Returns whether the second of two starts has a new epoch.
async fn epoch_changes(first: (Option<&str>, SyncMode, bool), second: Option<&str>) -> bool {
    let folder = TempDir::new().unwrap();
    let (boot, sync, is_killed) = first;
    let epoch = run_in(folder.path(), boot, sync, is_killed).await;
    run_in(folder.path(), second, sync, false).await != epoch
}

#[tokio::test]
async fn machine_crash_causes_a_new_epoch_unless_commits_wait_for_the_disk() {
    const KILLED: bool = true;
    use SyncMode::{Full, Normal};
    for (first, second, expected) in [
        ((Some("a"), Normal, KILLED), Some("b"), true),
        ((Some("a"), Normal, KILLED), None, true),
        ((None, Normal, KILLED), None, true),
        ((Some("a"), Normal, KILLED), Some("a"), false),
        ((Some("a"), Normal, !KILLED), Some("b"), false),
        ((None, Normal, !KILLED), None, false),
        ((Some("a"), Full, KILLED), Some("b"), false),
        ((None, Full, KILLED), None, false),
    ] {
        assert_eq!(epoch_changes(first, second).await, expected, "{first:?} {second:?}");
    }
}

/// The second run uses full sync and loses nothing, but the first may have lost messages.
#[tokio::test]
async fn epoch_changes_once_after_a_machine_crash() {
    let folder = TempDir::new().unwrap();
    let first = run_in(folder.path(), Some("a"), SyncMode::Normal, true).await;
    let second = run_in(folder.path(), Some("b"), SyncMode::Full, true).await;
    assert_ne!(first, second);
    for boot in ["b", "c", "d"] {
        assert_eq!(run_in(folder.path(), Some(boot), SyncMode::Full, true).await, second);
    }
}
