//! A store that cannot write says so, and finds out by itself that it can again.

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::super::*;
use super::another;
use crate::history::contract_test::{fill, message, room};

/// How long anything may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the store is as wanted, without asking it for anything.
async fn until_failing(health: &Health, wanted: bool) {
    let work = async {
        while health.problem().is_some() != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, work).await.expect("the store is found to be so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_found_to_work_again_though_nobody_writes() {
    let folder = TempDir::new().unwrap();
    let Opened { history, health, threads, .. } = SqliteHistory::open(folder.path(), 100).unwrap();
    fill(&history, &room("a"), 3).await;
    assert_eq!(health.check().await, Ok(()));
    let other = another(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = history.append(&room("a"), vec![message("lost")]).await;
    assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
    until_failing(&health, true).await;
    assert!(health.check().await.unwrap_err().contains("locked"));
    other.execute_batch("ROLLBACK").unwrap();
    until_failing(&health, false).await;
    assert_eq!(history.append(&room("a"), vec![message("4")]).await.unwrap(), 4);
    threads.stop().await.unwrap();
}

/// Whoever asks learns the truth about a store that nobody writes to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_finds_a_store_that_cannot_write() {
    let folder = TempDir::new().unwrap();
    let Opened { health, threads, .. } = SqliteHistory::open(folder.path(), 100).unwrap();
    assert_eq!(health.check().await, Ok(()));
    let other = another(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let work = async {
        // The latest write counts for a while.
        while health.check().await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, work).await.expect("the trial fails");
    other.execute_batch("ROLLBACK").unwrap();
    until_failing(&health, false).await;
    threads.stop().await.unwrap();
}

/// A trial really writes: without that it would succeed on a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_adds_to_the_log() {
    let folder = TempDir::new().unwrap();
    let Opened { health, threads, .. } = SqliteHistory::open(folder.path(), 100).unwrap();
    let log = folder.path().join(format!("{DATABASE_FILE}-wal"));
    let bytes = || std::fs::metadata(&log).unwrap().len();
    let before = bytes();
    assert_eq!(health.check().await, Ok(()));
    assert!(bytes() > before, "{before} bytes and no more");
    threads.stop().await.unwrap();
}
