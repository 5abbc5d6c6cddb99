//! The epoch stays as long as the ids go on counting, and no longer; pids never come again.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::*;
use crate::history::contract_test::{fill, room};

/// One start and its end: the count of starts, and the epoch.
async fn start(folder: &Path) -> (u64, String) {
    let Opened { history, creation, epoch, threads, .. } =
        SqliteHistory::open(folder, 100).unwrap();
    assert_eq!(history.epoch(), &*epoch);
    assert!(epoch.len() >= 16 && epoch.chars().all(|c| c.is_ascii_alphanumeric()), "{epoch}");
    fill(&history, &room("a"), 1).await;
    threads.stop().await.unwrap();
    (creation, epoch.to_string())
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn the_epoch_stays_across_restarts() {
    let folder = TempDir::new().unwrap();
    let (first, epoch) = start(folder.path()).await;
    for later in 1..=3 {
        assert_eq!(start(folder.path()).await, (first + later, epoch.clone()));
    }
}

#[tokio::test]
async fn a_wiped_store_has_another_epoch_and_goes_on_counting_starts() {
    let folder = TempDir::new().unwrap();
    let (first, epoch) = start(folder.path()).await;
    fs::remove_file(folder.path().join(DATABASE_FILE)).unwrap();
    let (second, other) = start(folder.path()).await;
    assert_ne!(other, epoch);
    assert_eq!(second, first + 1, "pids of the first start must not come again");
    assert_eq!(start(folder.path()).await, (second + 1, other));
}

#[tokio::test]
async fn an_old_copy_that_is_put_back_has_another_epoch() {
    let (folder, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let database = folder.path().join(DATABASE_FILE);
    let (_, epoch) = start(folder.path()).await;
    let old = backup.path().join(DATABASE_FILE);
    fs::copy(&database, &old).unwrap();
    let (last, same) = start(folder.path()).await;
    assert_eq!(same, epoch);
    // Into the same file, so that only the count tells.
    fs::write(&database, fs::read(&old).unwrap()).unwrap();
    let (restored, other) = start(folder.path()).await;
    assert_ne!(other, epoch);
    assert_eq!(restored, last + 1, "pids must not come again");
    assert_eq!(start(folder.path()).await, (restored + 1, other));
}

#[tokio::test]
async fn a_copied_folder_has_another_epoch_and_the_first_keeps_its_own() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (first, epoch) = start(folder.path()).await;
    copy(folder.path(), other.path());
    let (_, copied) = start(other.path()).await;
    assert_ne!(copied, epoch);
    assert_eq!(start(folder.path()).await, (first + 1, epoch));
    assert_eq!(start(other.path()).await.1, copied);
}

#[tokio::test]
async fn a_lock_file_of_an_older_server_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let (first, epoch) = start(folder.path()).await;
    for content in ["", "what is this?\nand this?\n"] {
        fs::write(folder.path().join("xmeet.lock"), content).unwrap();
        assert_eq!(start(folder.path()).await.1, epoch);
    }
    assert_eq!(start(folder.path()).await, (first + 3, epoch));
    let counted = fs::read_to_string(folder.path().join("xmeet.lock")).unwrap();
    assert_eq!(counted, format!("{}\n", first + 3));
}
