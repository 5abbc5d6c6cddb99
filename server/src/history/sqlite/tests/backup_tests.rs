//! Before a schema changes there is a copy of the database, which the older server can open.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::*;
use crate::history::contract_test::{message, room};

/// The copies in a folder.
fn copies(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(".schema-")).collect()
}

/// A database as the first server left it.
fn first_schema(folder: &TempDir) {
    let old = schema::make_first_schema(&folder.path().join(DATABASE_FILE));
    old.execute_batch(
        "INSERT INTO room (id, name, oldest, newest) VALUES (1, 'a', 3, 4);
         INSERT INTO message (room, id, ts, pid, nickname, text)
         VALUES (1, 3, 5, '<0.1.1>', 'a', '3'), (1, 4, 5, '<0.1.1>', 'a', '4');",
    )
    .unwrap();
}

#[tokio::test]
async fn a_copy_of_the_older_schema_is_the_way_back() {
    let folder = TempDir::new().unwrap();
    first_schema(&folder);
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 10).unwrap();
    assert_eq!(history.append(&room("a"), vec![message("5")]).await.unwrap(), 5);
    threads.stop().await.unwrap();
    let [copy] = &copies(&folder)[..] else { panic!("one copy: {:?}", copies(&folder)) };
    assert!(copy.to_str().unwrap().contains(".schema-1."), "{}", copy.display());
    assert!(!folder.path().join(format!("{DATABASE_FILE}.copying")).exists());

    // A second start has nothing to change and makes no copy.
    SqliteHistory::open(folder.path(), 10).unwrap().threads.stop().await.unwrap();
    assert_eq!(copies(&folder).len(), 1);

    // What the first server asks its database.
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

    // And forward again from the copy, as after a step back.
    let again = TempDir::new().unwrap();
    fs::copy(copy, again.path().join(DATABASE_FILE)).unwrap();
    let Opened { history, threads, .. } = SqliteHistory::open(again.path(), 10).unwrap();
    assert_eq!(history.append(&room("a"), vec![message("5")]).await.unwrap(), 5);
    threads.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_database_needs_no_copy() {
    let folder = TempDir::new().unwrap();
    SqliteHistory::open(folder.path(), 10).unwrap().threads.stop().await.unwrap();
    assert_eq!(copies(&folder).len(), 0);
}

/// Not every start makes a copy of its own, which would take the place of the one broken off.
#[test]
fn a_copy_that_was_broken_off_is_gone_after_any_start() {
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
fn without_a_copy_nothing_is_changed() {
    let folder = TempDir::new().unwrap();
    first_schema(&folder);
    // Nothing can be written where a folder is.
    fs::create_dir_all(folder.path().join(format!("{DATABASE_FILE}.copying/x"))).unwrap();
    let error = SqliteHistory::open(folder.path(), 10).unwrap_err();
    assert!(matches!(error, OpenError::NoCopy { .. }), "{error}");
    let old = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let version = old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.unwrap(), 1);
}
