//! The database's schema and its migrations, and how connections are opened.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::SyncMode;
use super::database::Database;
use super::error::OpenError;
use super::migration_copy;

/// How long a connection waits for a lock of another connection. It is short because rooms wait with
/// the writer; a message that cannot be written in time is rejected.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Page cache of the writer's connection, in KiB. It fits the newest page of some thousand active
/// rooms, so that their appends read nothing from the disk.
const WRITER_CACHE_KIB: i64 = 32 * 1024;

/// The SQLite file system that keeps the WAL's index in memory, so that no index file is created.
pub(super) const EXCLUSIVE_VFS: &str = "unix-excl";

/// The name of a SQLite file system; `None` selects the default.
pub(super) type Vfs = Option<&'static str>;

/// The database's `application_id`. The writer's probes set it.
pub(super) const APPLICATION_ID: i64 = 1_481_467_252;

/// The migration at index `n` takes the schema from version `n` to `n + 1`. Released migrations are
/// never edited.
const MIGRATIONS: &[&str] = &[
    "
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
    ",
    // An append no longer updates the room's row: the messages show where the ids continue. `spent`
    // is the newest id of a room without messages.
    "
    ALTER TABLE start ADD COLUMN epoch TEXT NOT NULL DEFAULT '';
    ALTER TABLE start ADD COLUMN file TEXT NOT NULL DEFAULT '';
    ALTER TABLE room DROP COLUMN oldest;
    ALTER TABLE room RENAME COLUMN newest TO spent;
    ",
    // Eviction. `used` is the room's last use, in hours since 1970. `generation` is the number of
    // evictions when the room was created. `evicted` lists deleted rows of `room` whose messages are
    // still to be deleted.
    "
    ALTER TABLE start ADD COLUMN evictions INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
    UPDATE room SET used = coalesce(
        (SELECT ts FROM message WHERE room = room.id ORDER BY message.id DESC LIMIT 1) / 3600000, 0
    );
    CREATE INDEX room_used ON room (used);
    CREATE TABLE evicted (room INTEGER PRIMARY KEY);
    ",
];

/// Opens the writer's connection and migrates the schema. Every commit syncs to disk until
/// [`set_sync`] changes that. The database must have passed [`super::examine::prepare`].
pub(super) fn open_for_writing(path: &Path, vfs: Vfs) -> Result<Database, OpenError> {
    let mut connection = connect(path, vfs)?;
    // In WAL mode readers do not wait for the writer.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::WalUnsupported { mode });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Sets `PRAGMA synchronous`. With NORMAL in WAL mode, commits survive a crash of the process, and
/// reach the disk at the next checkpoint.
pub(super) fn set_sync(connection: &Connection, word: &str) -> Result<(), OpenError> {
    Ok(connection.pragma_update(None, "synchronous", word)?)
}

/// Returns the value of `PRAGMA synchronous` for a mode.
pub(super) fn sync_word(sync: SyncMode) -> &'static str {
    match sync {
        SyncMode::Normal => "NORMAL",
        SyncMode::Full => "FULL",
    }
}

/// Opens a further connection, for checkpoints.
pub(super) fn open_for_checkpoints(
    path: &Path,
    vfs: Vfs,
    word: &str,
) -> Result<Database, OpenError> {
    let connection = connect(path, vfs)?;
    set_sync(&connection, word)?;
    Ok(connection)
}

/// Opens a further connection, for reads.
pub(super) fn open_for_reading(path: &Path, vfs: Vfs) -> Result<Database, OpenError> {
    let connection = connect(path, vfs)?;
    // SQLITE_OPEN_READ_ONLY would not do: such a connection cannot create the WAL's index.
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Checks that an open database is a history, has a known schema version, and that table `start` can be
/// read.
pub(super) fn examine(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application_id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if is_foreign(&tables, application_id, found) {
        return Err(OpenError::Foreign { path: path.display().to_string() });
    }
    let known = known_schema();
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    if found > 0 {
        connection.query_row("SELECT creation FROM start", [], |row| row.get::<_, u64>(0))?;
    }
    Ok(())
}

/// Returns the newest schema version that this server knows.
fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

fn connect(path: &Path, vfs: Vfs) -> Result<Database, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(Database::new(connection))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = known_schema();
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Version 0 is a new database, and needs no copy.
    if !(1..known).contains(&found) {
        return apply_migrations(connection, known);
    }
    let copy = migration_copy::copy_database(connection, path, found)?;
    tracing::info!(copy = %copy.display(), "the history was copied before its schema migration");
    let outcome = apply_migrations(connection, known);
    if outcome.is_err() {
        // The database is unchanged, and without this every further start would leave another copy.
        let _ = fs::remove_file(&copy);
    }
    outcome
}

fn apply_migrations(connection: &mut Connection, known: i64) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    let applied = usize::try_from(found).unwrap_or(0);
    for migration in &MIGRATIONS[applied..] {
        transaction.execute_batch(migration)?;
    }
    if found < known {
        transaction.pragma_update(None, "user_version", known)?;
        tracing::info!(from = found, to = known, "the history's schema was migrated");
    }
    transaction.commit()?;
    Ok(())
}

/// Returns whether a database belongs to another program, judging by its tables and application id.
pub(super) fn is_foreign(tables: &[String], application_id: i64, schema: i64) -> bool {
    let is_known_id = application_id == 0 || application_id == APPLICATION_ID;
    let has_ours = ["start", "room", "message"].iter().all(|ours| tables.iter().any(|t| t == ours));
    // An empty database is new, or its first start was interrupted.
    let is_new = schema == 0 && tables.is_empty();
    !is_known_id || !(is_new || has_ours)
}

/// Creates a database of schema version 1, as an older server left it.
#[cfg(test)]
pub(super) fn create_first_schema(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
}
