//! Tests of the copy that precedes a schema migration, and of backups on demand.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::*;
use crate::history::contract_test::{message, room};

/// Returns the paths of the migration copies in a folder.
fn copies(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(".schema-")).collect()
}

/// Creates a database with messages in the first schema.
fn fill_first_schema(folder: &TempDir) {
    let old = schema::create_first_schema(&folder.path().join(DATABASE_FILE));
    old.execute_batch(
        "INSERT INTO room (id, name, oldest, newest) VALUES (1, 'a', 3, 4);
         INSERT INTO message (room, id, ts, pid, nickname, text)
         VALUES (1, 3, 5, '<0.1.1>', 'a', '3'), (1, 4, 5, '<0.1.1>', 'a', '4');",
    )
    .unwrap();
}

#[tokio::test]
async fn migration_leaves_a_copy_that_the_older_server_can_open() {
    let folder = TempDir::new().unwrap();
    fill_first_schema(&folder);
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 10).unwrap();
    assert_eq!(history.append(&room("a"), vec![message("5")]).await.unwrap(), 5);
    threads.stop().await.unwrap();
    let [copy] = &copies(&folder)[..] else { panic!("one copy: {:?}", copies(&folder)) };
    assert!(copy.to_str().unwrap().contains(".schema-1."), "{}", copy.display());
    assert!(!folder.path().join(format!("{DATABASE_FILE}.copying")).exists());

    // A second start has nothing to migrate and makes no copy.
    SqliteHistory::open(folder.path(), 10).unwrap().threads.stop().await.unwrap();
    assert_eq!(copies(&folder).len(), 1);

    // The queries of the older server.
    let old = Connection::open(copy).unwrap();
    let version = old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let health = old.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!((version.unwrap(), health.unwrap()), (1, "ok".to_owned()));
    let ends = old.query_row("SELECT oldest, newest FROM room WHERE name = 'a'", [], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?))
    });
    assert_eq!(ends.unwrap(), (3, 4));
    let texts = old.query_row("SELECT group_concat(text) FROM message", [], |row| row.get(0));
    assert_eq!(texts.map_err(|error| error.to_string()), Ok("3,4".to_owned()));
    drop(old);

    // A newer server can start on the copy too.
    let again = TempDir::new().unwrap();
    fs::copy(copy, again.path().join(DATABASE_FILE)).unwrap();
    let Opened { history, threads, .. } = SqliteHistory::open(again.path(), 10).unwrap();
    assert_eq!(history.append(&room("a"), vec![message("5")]).await.unwrap(), 5);
    threads.stop().await.unwrap();
}

#[tokio::test]
async fn new_database_is_not_copied() {
    let folder = TempDir::new().unwrap();
    SqliteHistory::open(folder.path(), 10).unwrap().threads.stop().await.unwrap();
    assert_eq!(copies(&folder).len(), 0);
}

/// Also by a start that makes no copy of its own.
#[test]
fn incomplete_copy_is_removed_by_the_next_start() {
    let folder = TempDir::new().unwrap();
    let partial = folder.path().join(format!("{DATABASE_FILE}.copying"));
    for _ in 0..2 {
        fs::write(&partial, "the first of a database").unwrap();
        SqliteHistory::open(folder.path(), 10).unwrap();
        assert!(!partial.exists());
    }
    assert_eq!(copies(&folder).len(), 0);
}

#[test]
fn failed_copy_leaves_the_schema_unchanged() {
    let folder = TempDir::new().unwrap();
    fill_first_schema(&folder);
    // A directory with the name of the temporary file makes the copy fail.
    fs::create_dir_all(folder.path().join(format!("{DATABASE_FILE}.copying/x"))).unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::CopyFailed { .. }), "{error}");
    let old = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let version = old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.unwrap(), 1);
}

/// Creates a history of some mebibytes, so that a backup takes several steps.
async fn long_history(folder: &TempDir) {
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 1000).unwrap();
    let messages = vec![message(&"x".repeat(60_000)); 50];
    history.append(&room("a"), messages).await.unwrap();
    threads.stop().await.unwrap();
}

/// Returns the file names in a folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn backup_does_not_replace_a_target_that_appears_meanwhile() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    long_history(&folder).await;
    let target = copies.path().join("copy");
    let mut is_made = false;
    let outcome = back_up(folder.path(), &target, |_, _| {
        is_made = true;
        fs::write(&target, "of another").unwrap();
    });
    assert!(is_made && matches!(outcome, Err(BackupError::Exists(_))), "{outcome:?}");
    assert_eq!(fs::read(&target).unwrap(), b"of another");
    assert_eq!(names(&copies), ["copy"]);
}

#[tokio::test]
async fn second_backup_to_the_same_target_is_rejected_meanwhile() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    long_history(&folder).await;
    let target = copies.path().join("copy");
    let mut second = None;
    let first = back_up(folder.path(), &target, |_, _| {
        let made = second.get_or_insert_with(|| back_up(folder.path(), &target, |_, _| {}));
        assert!(matches!(made, Err(BackupError::Exists(_))), "{made:?}");
    });
    let bytes = first.unwrap();
    assert!(second.is_some());
    assert_eq!(fs::metadata(&target).unwrap().len(), bytes);
    assert_eq!(names(&copies), ["copy"]);
    let copy = Connection::open(&target).unwrap();
    let health = copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(health, Ok("ok".to_owned()));
}

/// By any path to the folder, and even if the file does not exist at the moment.
#[tokio::test]
async fn backup_onto_a_file_of_the_database_is_rejected() {
    let (folder, links) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    long_history(&folder).await;
    let before = names(&folder);
    let link = links.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for within in [folder.path(), &folder.path().join("."), &link] {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let target = within.join(format!("{DATABASE_FILE}{suffix}"));
            let outcome = back_up(folder.path(), &target, |_, _| {});
            assert!(matches!(outcome, Err(BackupError::IsSource(_))), "{suffix}: {outcome:?}");
        }
    }
    assert_eq!(names(&folder), before);
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 1000).unwrap();
    assert_eq!(history.load(&room("a")).await.unwrap().newest, 50);
    threads.stop().await.unwrap();
}
