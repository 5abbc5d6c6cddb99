//! The engine on real files: the contract, restarts, retention, and what stands in the way.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::history::contract_test::{fill, holds, message, room, texts};

fn open(folder: &TempDir, kept_max: u64) -> (SqliteHistory, Threads, u64) {
    let Opened { history, creation, threads } =
        SqliteHistory::open(folder.path(), kept_max).unwrap();
    (history, threads, creation)
}

async fn stop(threads: Threads) {
    threads.stop().await.unwrap();
}

#[tokio::test]
async fn the_contract_holds() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    holds(&history).await;
}

#[tokio::test]
async fn a_restart_keeps_everything_and_counts_itself() {
    let folder = TempDir::new().unwrap();
    for start in 1..=3 {
        let (history, threads, creation) = open(&folder, 10_000);
        assert_eq!(creation, start);
        fill(&history, &room("a"), 60).await;
        assert_eq!(history.load(&room("a")).await.unwrap().newest, start * 60);
        stop(threads).await;
    }
}

#[tokio::test]
async fn only_so_many_are_kept_and_ids_go_on() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 100);
    for _ in 0..30 {
        fill(&history, &room("a"), 7).await;
    }
    let stored = history.load(&room("a")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest), (111, 210));
    let held = history.read(&room("a"), 1..=210).await.unwrap();
    assert_eq!(held.len(), 100);
    assert_eq!(texts(&held)[0], (111, "111"));
}

#[tokio::test]
async fn a_lowered_limit_takes_hold_a_little_with_every_append() {
    let folder = TempDir::new().unwrap();
    let (history, threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 1000).await;
    stop(threads).await;
    let after = history.append(&room("a"), vec![message("late")]).await;
    assert_eq!(after, Err(HistoryError::Closed));

    let (history, _threads, _) = open(&folder, 10);
    let mut oldest = vec![history.load(&room("a")).await.unwrap().oldest];
    for _ in 0..4 {
        fill(&history, &room("a"), 1).await;
        oldest.push(history.load(&room("a")).await.unwrap().oldest);
    }
    assert_eq!(oldest, [1, 258, 515, 772, 995]);
    assert_eq!(history.read(&room("a"), 1..=2000).await.unwrap().len(), 10);
}

#[tokio::test]
async fn with_nothing_kept_ids_still_go_on() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 0);
    fill(&history, &room("a"), 3).await;
    fill(&history, &room("a"), 2).await;
    let stored = history.load(&room("a")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (6, 5, 0));
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let folder = TempDir::new().unwrap();
    let (_history, threads, _) = open(&folder, 10);
    let second = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    stop(threads).await;
    assert!(SqliteHistory::open(folder.path(), 10).is_ok());
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = SqliteHistory::open(&file.join("below"), 10).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");

    fs::write(folder.path().join(DATABASE_FILE), "this is no database, however long it may be")
        .unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let folder = TempDir::new().unwrap();
    stop(SqliteHistory::open(folder.path(), 10).unwrap().threads).await;
    let connection = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, known: 1 }), "{error}");
}

#[tokio::test]
async fn a_locked_database_refuses_and_then_works_again() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 1).await;
    let other = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = history.append(&room("a"), vec![message("lost")]).await;
    assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
    // Readers go on meanwhile.
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(history.append(&room("a"), vec![message("kept")]).await.unwrap(), 2);
}
