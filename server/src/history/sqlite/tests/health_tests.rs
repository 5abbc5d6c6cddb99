//! Tests of the health that the store reports while writes fail, and after they work again.

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::super::*;
use super::another;
use crate::history::contract_test::{fill, message, room};

/// Time limit of each wait, so that a failing test does not hang.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until the store is or is not failing, without sending it requests.
async fn until_failing(health: &Health, wanted: bool) {
    let work = async {
        while health.problem().is_some() != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, work).await.expect("the health changes in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_is_noticed_without_writes() {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_of_an_idle_store_finds_that_writes_fail() {
    let folder = TempDir::new().unwrap();
    let Opened { health, threads, .. } = SqliteHistory::open(folder.path(), 100).unwrap();
    assert_eq!(health.check().await, Ok(()));
    let other = another(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let work = async {
        // A recent write answers a check without a probe.
        while health.check().await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, work).await.expect("the probe fails");
    other.execute_batch("ROLLBACK").unwrap();
    until_failing(&health, false).await;
    threads.stop().await.unwrap();
}

/// A probe that wrote nothing would succeed on a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_writes_to_the_wal() {
    let folder = TempDir::new().unwrap();
    let Opened { health, threads, .. } = SqliteHistory::open(folder.path(), 100).unwrap();
    let wal = folder.path().join(format!("{DATABASE_FILE}-wal"));
    let bytes = || fs::metadata(&wal).unwrap().len();
    let before = bytes();
    assert_eq!(health.check().await, Ok(()));
    assert!(bytes() > before, "still {before} bytes");
    threads.stop().await.unwrap();
}
