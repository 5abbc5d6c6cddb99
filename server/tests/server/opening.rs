//! A shutdown before the store is open, with the real binary.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Client, Process, soon, until};

/// Bytes of text in the database, so many that its copy takes a moment.
const TEXT_BYTES: usize = 64 * 1024 * 1024;

/// Creates a database of the first schema on which no start ends, because a trigger loops without end
/// when the start is counted.
fn endless(database: &Path) {
    let connection = Connection::open(database).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE start (
                 id INTEGER PRIMARY KEY CHECK (id = 1),
                 creation INTEGER NOT NULL
             );
             INSERT INTO start (id, creation) VALUES (1, 7);
             CREATE TABLE room (
                 id INTEGER PRIMARY KEY,
                 name TEXT NOT NULL UNIQUE,
                 oldest INTEGER NOT NULL,
                 newest INTEGER NOT NULL
             );
             INSERT INTO room (id, name, oldest, newest) VALUES (1, 'r', 1, 1);
             CREATE TABLE message (
                 room INTEGER NOT NULL,
                 id INTEGER NOT NULL,
                 ts INTEGER NOT NULL,
                 pid TEXT NOT NULL,
                 nickname TEXT NOT NULL,
                 text TEXT NOT NULL,
                 PRIMARY KEY (room, id)
             ) WITHOUT ROWID;
             CREATE VIEW number AS
                 WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
                 SELECT n FROM number;
             CREATE TRIGGER endless BEFORE UPDATE ON start
                 BEGIN SELECT count(*) FROM number; END;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    let message = "INSERT INTO message VALUES (?1, 1, 5, '<0.1.1>', 'a', ?2)";
    connection.execute(message, (1, "kept")).unwrap();
    connection.execute(message, (2, "x".repeat(TEXT_BYTES))).unwrap();
}

/// Returns the files in a folder whose names contain `part`.
fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(part)).collect()
}

/// A server that does not become ready. Dropping it kills the server.
struct Opening(Child);

impl Drop for Opening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server, sends a signal once its folder contains such a file, and checks the files that it
/// leaves.
async fn ends_in_order(file: &str) {
    let (folder, logs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (database, log) = (folder.path().join("history.sqlite3"), logs.path().join("log"));
    endless(&database);
    let mut command = Process::command(folder.path());
    command.stderr(File::create(&log).unwrap());
    let mut server = Opening(command.spawn().unwrap());
    until(file, async || !files(folder.path(), file).is_empty()).await;
    let pid = server.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let waiting = spawn_blocking(move || server.0.wait().unwrap());
    let status = soon("it ends", waiting).await.unwrap();
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("xmeet has ended before its store was open"), "{log}");

    let connection = Connection::open(&database).unwrap();
    let creation = "SELECT creation FROM start";
    let creation = connection.query_row(creation, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(creation, 7, "no start was counted");
    connection.execute_batch("DROP TRIGGER endless; DROP VIEW number").unwrap();
    drop(connection);
    let process = Process::start(folder.path());
    let client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.page.last().unwrap().payload, "kept");
    let logs = log + &process.logged();
    assert!(logs.contains("the history's schema was migrated"), "{logs}");
    assert_eq!(files(folder.path(), ".copying"), Vec::<PathBuf>::new());
    assert!(!files(folder.path(), ".schema-1.").is_empty(), "there is a way back");
}

/// If the copy is complete before the signal, the start has not ended either.
#[tokio::test]
async fn signal_during_a_migration_copy_ends_the_start_cleanly() {
    ends_in_order(".copying").await;
}

#[tokio::test]
async fn signal_while_the_store_opens_ends_the_start_cleanly() {
    ends_in_order(".schema-1.").await;
}
