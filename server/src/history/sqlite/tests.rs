//! The engine on real files: the contract, restarts, retention, and what stands in the way.

mod backup_tests;
mod health_tests;
mod identity_tests;
mod log_tests;
mod sweep_tests;

use std::fs;

use tempfile::TempDir;

use super::append::{TRIM_EXTRA_MESSAGES_MAX, TRIM_SLACK_MESSAGES};
use super::*;
use crate::history::contract_test::{fill, holds, message, room, texts};

fn open(folder: &TempDir, kept_max: u64) -> (SqliteHistory, Threads, u64) {
    let Opened { history, creation, threads, .. } =
        SqliteHistory::open(folder.path(), kept_max).unwrap();
    (history, threads, creation)
}

async fn stop(threads: Threads) {
    threads.stop().await.unwrap();
}

/// Another connection of this process: no other process could open the database.
fn another(folder: &TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap()
}

#[tokio::test]
async fn the_contract_holds() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    holds(&history).await;
}

#[tokio::test]
async fn the_contract_holds_when_each_commit_waits_for_the_disk() {
    let folder = TempDir::new().unwrap();
    let keeping = Keeping { sync: SyncMode::Full, ..Keeping::default() };
    let opened = SqliteHistory::open_with(folder.path(), &keeping, Arc::default()).unwrap();
    holds(&opened.history).await;
}

#[test]
fn the_sync_mode_is_what_the_writer_does() {
    let folder = TempDir::new().unwrap();
    let writing = schema::open_for_writing(&folder.path().join(DATABASE_FILE)).unwrap();
    let synchronous =
        || writing.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
    // SQLite's numbers: 1 is NORMAL, 2 is FULL. Starts are counted in full.
    assert_eq!(synchronous(), 2);
    for (sync, number) in [(SyncMode::Normal, 1), (SyncMode::Full, 2)] {
        schema::set_sync(&writing, sync).unwrap();
        assert_eq!(synchronous(), number);
    }
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
async fn only_so_many_are_kept_and_some_slack_and_ids_go_on() {
    let folder = TempDir::new().unwrap();
    let (history, threads, _) = open(&folder, 100);
    let room = room("a");
    let oldest = async || history.load(&room).await.unwrap().oldest;
    fill(&history, &room, 100 + TRIM_SLACK_MESSAGES).await;
    assert_eq!(oldest().await, 1, "as many as may be beyond the limit");
    fill(&history, &room, 1).await;
    assert_eq!(oldest().await, TRIM_SLACK_MESSAGES + 2, "one more, and they go together");
    fill(&history, &room, TRIM_SLACK_MESSAGES).await;
    assert_eq!(oldest().await, TRIM_SLACK_MESSAGES + 2);
    stop(threads).await;

    // Another start finds what there is.
    let (history, _threads, _) = open(&folder, 100);
    fill(&history, &room, 1).await;
    let stored = history.load(&room).await.unwrap();
    let newest = 100 + 2 * (TRIM_SLACK_MESSAGES + 1);
    assert_eq!((stored.oldest, stored.newest), (newest - 99, newest));
    let held = history.read(&room, 1..=newest).await.unwrap();
    assert_eq!(held.len(), 100);
    assert_eq!(texts(&held)[0], (newest - 99, (newest - 99).to_string().as_str()));
}

#[tokio::test]
async fn a_lowered_limit_takes_hold_a_little_with_every_append() {
    let folder = TempDir::new().unwrap();
    let (history, threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 2 * TRIM_EXTRA_MESSAGES_MAX + 500).await;
    stop(threads).await;
    let after = history.append(&room("a"), vec![message("late")]).await;
    assert_eq!(after, Err(HistoryError::Closed));

    let (history, _threads, _) = open(&folder, 10);
    let mut oldest = vec![history.load(&room("a")).await.unwrap().oldest];
    for _ in 0..4 {
        fill(&history, &room("a"), 1).await;
        oldest.push(history.load(&room("a")).await.unwrap().oldest);
    }
    let each = TRIM_EXTRA_MESSAGES_MAX + 1;
    let last = 2 * TRIM_EXTRA_MESSAGES_MAX + 500 + 3 - 9;
    assert_eq!(oldest, [1, 1 + each, 1 + 2 * each, last, last]);
}

#[tokio::test]
async fn the_newest_stays_whatever_the_limit() {
    let folder = TempDir::new().unwrap();
    for start in 1..=3 {
        let (history, threads, _) = open(&folder, 0);
        fill(&history, &room("a"), TRIM_SLACK_MESSAGES + 2).await;
        let stored = history.load(&room("a")).await.unwrap();
        let newest = start * (TRIM_SLACK_MESSAGES + 2);
        assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (newest, newest, 1));
        stop(threads).await;
    }
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
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error}");
}

#[test]
fn a_database_that_is_locked_elsewhere_is_named() {
    let folder = TempDir::new().unwrap();
    let other = another(&folder);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::Held { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert!(SqliteHistory::open(folder.path(), 10).is_ok());
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let folder = TempDir::new().unwrap();
    stop(SqliteHistory::open(folder.path(), 10).unwrap().threads).await;
    another(&folder).pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, known: 2 }), "{error}");
}

#[tokio::test]
async fn what_an_older_server_left_comes_up_right() {
    let folder = TempDir::new().unwrap();
    let old = schema::make_first_schema(&folder.path().join(DATABASE_FILE));
    old.execute_batch(
        "UPDATE start SET creation = 41;
         INSERT INTO room (id, name, oldest, newest) VALUES (1, 'kept', 3, 4), (2, 'spent', 8, 7);
         INSERT INTO message (room, id, ts, pid, nickname, text)
         VALUES (1, 3, 5, '<0.1.1>', 'a', '3'), (1, 4, 5, '<0.1.1>', 'a', '4');",
    )
    .unwrap();
    drop(old);
    let Opened { history, creation, epoch, threads, .. } =
        SqliteHistory::open(folder.path(), 10).unwrap();
    assert_eq!((creation, epoch.len()), (42, 32));
    let kept = history.load(&room("kept")).await.unwrap();
    assert_eq!((kept.oldest, kept.newest), (3, 4));
    assert_eq!(texts(&kept.tail), [(3, "3"), (4, "4")]);
    // Nothing was kept of this one, and its ids do not come again.
    let spent = history.load(&room("spent")).await.unwrap();
    assert_eq!((spent.oldest, spent.newest, spent.tail.len()), (8, 7, 0));
    assert_eq!(history.append(&room("spent"), vec![message("8")]).await.unwrap(), 8);
    assert_eq!(history.append(&room("kept"), vec![message("5")]).await.unwrap(), 5);
    let spent = history.load(&room("spent")).await.unwrap();
    assert_eq!((spent.oldest, spent.newest), (8, 8));
    stop(threads).await;
}

#[tokio::test]
async fn a_locked_database_refuses_and_then_works_again() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 1).await;
    let other = another(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = history.append(&room("a"), vec![message("lost")]).await;
    assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
    // Readers go on meanwhile.
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(history.append(&room("a"), vec![message("kept")]).await.unwrap(), 2);
}

/// A transaction that fails half way, after ids were given out in it, leaves no trace in what the
/// writer remembers of the rooms.
#[tokio::test]
async fn a_failed_transaction_gives_no_ids_away() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 5).await;
    let other = another(&folder);
    other
        .execute_batch(
            "CREATE TRIGGER fault BEFORE INSERT ON message WHEN NEW.text = 'bad'
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
        )
        .unwrap();
    for name in ["a", "new"] {
        let batch = vec![message("good"), message("good"), message("bad")];
        let refused = history.append(&room(name), batch).await;
        let told = matches!(&refused, Err(HistoryError::Storage(why)) if why == "on purpose");
        assert!(told, "{refused:?}");
    }
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 5);
    assert_eq!(history.load(&room("new")).await.unwrap().newest, 0);
    assert_eq!(history.append(&room("a"), vec![message("6")]).await.unwrap(), 6);
    assert_eq!(history.append(&room("new"), vec![message("1")]).await.unwrap(), 1);
}
