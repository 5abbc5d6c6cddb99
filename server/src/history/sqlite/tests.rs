//! Tests of the engine on real files: the contract, restarts, retention, and failed starts.

mod backup_tests;
mod cost_tests;
mod health_tests;
mod identity_tests;
mod power_tests;
mod size_tests;
pub(super) mod steps;
mod sweep_tests;
mod transaction_tests;
mod wal_tests;

use tempfile::TempDir;

use super::append::{TRIM_EXTRA_MESSAGES_MAX, TRIM_SLACK_MESSAGES};
use super::*;
use crate::history::contract_test::{check_contract, fill, message, room, texts};

fn open(folder: &TempDir, kept_max: u64) -> (SqliteHistory, Threads, u64) {
    let Opened { history, start_count, threads, .. } =
        SqliteHistory::open(folder.path(), kept_max).unwrap();
    (history, threads, start_count)
}

async fn stop(threads: Threads) {
    threads.stop().await.unwrap();
}

/// Opens a second connection, like another program.
fn another(folder: &TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap()
}

#[tokio::test]
async fn contract_holds() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    check_contract(&history).await;
}

#[tokio::test]
async fn contract_holds_with_full_sync() {
    let folder = TempDir::new().unwrap();
    let retention = Retention { sync: SyncMode::Full, ..Retention::default() };
    let opened = SqliteHistory::open_with(folder.path(), &retention, Arc::default()).unwrap();
    check_contract(&opened.history).await;
}

#[test]
fn sync_mode_sets_the_synchronous_pragma() {
    let folder = TempDir::new().unwrap();
    let writing = schema::open_for_writing(&folder.path().join(DATABASE_FILE), None).unwrap();
    let synchronous =
        || writing.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
    // 1 is NORMAL and 2 is FULL. The start itself is always recorded with FULL.
    assert_eq!(synchronous(), 2);
    for (sync, number) in [(SyncMode::Normal, 1), (SyncMode::Full, 2)] {
        schema::set_sync(&writing, schema::sync_word(sync)).unwrap();
        assert_eq!(synchronous(), number);
    }
}

#[tokio::test]
async fn restart_keeps_messages_and_increments_the_start_count() {
    let folder = TempDir::new().unwrap();
    for start in 1..=3 {
        let (history, threads, start_count) = open(&folder, 10_000);
        assert_eq!(start_count, start);
        fill(&history, &room("a"), 60).await;
        assert_eq!(history.load(&room("a")).await.unwrap().newest, start * 60);
        stop(threads).await;
    }
}

#[tokio::test]
async fn room_over_its_limit_is_trimmed_past_the_slack_and_ids_continue() {
    let folder = TempDir::new().unwrap();
    let (history, threads, _) = open(&folder, 100);
    let room = room("a");
    let oldest = async || history.load(&room).await.unwrap().oldest;
    fill(&history, &room, 100 + TRIM_SLACK_MESSAGES).await;
    assert_eq!(oldest().await, 1, "the slack may be used");
    fill(&history, &room, 1).await;
    assert_eq!(oldest().await, TRIM_SLACK_MESSAGES + 2, "one more message trims the whole slack");
    fill(&history, &room, TRIM_SLACK_MESSAGES).await;
    assert_eq!(oldest().await, TRIM_SLACK_MESSAGES + 2);
    stop(threads).await;

    // After a restart, the trim depends on the messages in the database.
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
async fn lowered_limit_trims_a_bounded_number_with_each_append() {
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
async fn newest_message_is_kept_with_a_limit_of_zero() {
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
async fn second_open_of_a_folder_fails_until_the_first_stops() {
    let folder = TempDir::new().unwrap();
    let (_history, threads, _) = open(&folder, 10);
    let second = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    stop(threads).await;
    assert!(SqliteHistory::open(folder.path(), 10).is_ok());
}

#[test]
fn unusable_folder_or_file_fails_with_its_own_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = SqliteHistory::open(&file.join("below"), 10).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");

    fs::write(folder.path().join(DATABASE_FILE), "this is no database, however long it may be")
        .unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

#[test]
fn database_locked_by_another_program_fails_the_start() {
    let folder = TempDir::new().unwrap();
    let other = another(&folder);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert!(SqliteHistory::open(folder.path(), 10).is_ok());
}

#[tokio::test]
async fn newer_schema_fails_the_start() {
    let folder = TempDir::new().unwrap();
    stop(SqliteHistory::open(folder.path(), 10).unwrap().threads).await;
    another(&folder).pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, known: 3 }), "{error}");
}

#[tokio::test]
async fn first_schema_is_migrated_with_its_messages_and_ids() {
    let folder = TempDir::new().unwrap();
    let old = schema::create_first_schema(&folder.path().join(DATABASE_FILE));
    old.execute_batch(
        "UPDATE start SET creation = 41;
         INSERT INTO room (id, name, oldest, newest) VALUES (1, 'kept', 3, 4), (2, 'spent', 8, 7);
         INSERT INTO message (room, id, ts, pid, nickname, text)
         VALUES (1, 3, 5, '<0.1.1>', 'a', '3'), (1, 4, 5, '<0.1.1>', 'a', '4');",
    )
    .unwrap();
    drop(old);
    let Opened { history, start_count, epoch, threads, .. } =
        SqliteHistory::open(folder.path(), 10).unwrap();
    assert_eq!((start_count, epoch.len()), (42, 32));
    let kept = history.load(&room("kept")).await.unwrap();
    assert_eq!((kept.oldest, kept.newest), (3, 4));
    assert_eq!(texts(&kept.tail), [(3, "3"), (4, "4")]);
    // A room without messages: its ids must not be assigned again.
    let spent = history.load(&room("spent")).await.unwrap();
    assert_eq!((spent.oldest, spent.newest, spent.tail.len()), (8, 7, 0));
    assert_eq!(history.append(&room("spent"), vec![message("8")]).await.unwrap(), 8);
    assert_eq!(history.append(&room("kept"), vec![message("5")]).await.unwrap(), 5);
    let spent = history.load(&room("spent")).await.unwrap();
    assert_eq!((spent.oldest, spent.newest), (8, 8));
    stop(threads).await;
}

#[tokio::test]
async fn append_to_a_locked_database_fails_until_it_is_unlocked() {
    let folder = TempDir::new().unwrap();
    let (history, _threads, _) = open(&folder, 10_000);
    fill(&history, &room("a"), 1).await;
    let other = another(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = history.append(&room("a"), vec![message("lost")]).await;
    assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
    // Reads work meanwhile.
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(history.append(&room("a"), vec![message("kept")]).await.unwrap(), 2);
}

/// The failed transaction has already assigned ids. They must not remain in the writer's cache.
#[tokio::test]
async fn ids_of_a_failed_transaction_are_assigned_again() {
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
