//! The database's shape, and how it is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::OpenError;

/// How long the writer waits for a lock that somebody else's tool holds on the database. Rooms
/// wait with it, so it is short; what cannot be written by then is refused to its sender.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Each step takes the schema from its index to the next version. Steps are added, never edited.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE start (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        creation INTEGER NOT NULL
    );
    INSERT INTO start (id, creation) VALUES (1, 0);

    CREATE TABLE room (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL
    );

    CREATE TABLE message (
        room INTEGER NOT NULL,
        id INTEGER NOT NULL,
        ts INTEGER NOT NULL,
        pid TEXT NOT NULL,
        nickname TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (room, id)
    ) WITHOUT ROWID;
"];

/// Opens or makes the database, and brings its schema up to date.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // WAL: readers do not wait for the writer. In WAL mode NORMAL loses nothing when the process
    // dies; a commit reaches the platter at the next checkpoint.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal { mode });
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens the database a second time, for reading only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Counts this start, durably, before any pid of it exists.
pub(super) fn count_start(connection: &mut Connection) -> Result<u64, OpenError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE start SET creation = creation + 1 WHERE id = 1", [])?;
    let creation = transaction.query_row("SELECT creation FROM start", [], |row| row.get(0))?;
    // The commit must be seen to succeed, or the next start would draw the same number.
    transaction.commit()?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(creation)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    if found < known {
        transaction.pragma_update(None, "user_version", known)?;
        tracing::info!(from = found, to = known, "the history's schema was brought up to date");
    }
    transaction.commit()?;
    Ok(())
}
