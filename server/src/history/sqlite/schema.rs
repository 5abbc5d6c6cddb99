//! The database's shape, and how it is opened.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::SyncMode;
use super::backup;
use super::error::OpenError;
use super::identity::FILE_MODE;

/// How long a connection waits for a lock that another connection of this process holds, and the
/// first one at opening for one that another program holds. Rooms wait with the writer, so it is
/// short; what cannot be written by then is refused to its sender.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Pages that the writer's connection keeps in memory, in KiB: the newest page of each of some
/// thousand rooms that are written at once, so that an append reads nothing.
const WRITER_CACHE_KIB: i64 = 32 * 1024;

/// Where SQLite keeps its locks and the index of its log: in this process's memory, because nobody
/// else may use the database while a server does. A commit then makes no system call but its
/// writes. Elsewhere than on Unix there is no such choice.
const VFS: Option<&str> = if cfg!(unix) { Some("unix-excl") } else { None };

/// Each step takes the schema from its index to the next version. Steps are added, never edited.
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
    // A room's row is not written with every append any more: its messages say how far its ids
    // have come. `spent` is how far they had come where no message tells: such rooms were made
    // while nothing was kept.
    "
    ALTER TABLE start ADD COLUMN epoch TEXT NOT NULL DEFAULT '';
    ALTER TABLE start ADD COLUMN file TEXT NOT NULL DEFAULT '';
    ALTER TABLE room DROP COLUMN oldest;
    ALTER TABLE room RENAME COLUMN newest TO spent;
    ",
];

/// Opens or makes the database, and brings its schema up to date. Each commit is on the disk when
/// it succeeds, until [`set_sync`] says otherwise.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, OpenError> {
    // SQLite would say of the one what it says of a damaged one too, and not which file it is.
    examine(path)?;
    make_private(path).map_err(|source| OpenError::folder_of(path, source))?;
    let mut connection = connect(path)?;
    // WAL: readers do not wait for the writer.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal { mode });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Says what a commit waits for. In WAL mode NORMAL loses nothing when the process dies; a commit
/// reaches the platter at the next checkpoint.
pub(super) fn set_sync(connection: &Connection, sync: SyncMode) -> Result<(), OpenError> {
    let word = match sync {
        SyncMode::Normal => "NORMAL",
        SyncMode::Full => "FULL",
    };
    Ok(connection.pragma_update(None, "synchronous", word)?)
}

/// Opens the database once more, to copy the log into it.
pub(super) fn open_for_checkpoints(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Opens the database once more, for reading only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path)?;
    // A connection that is opened for reading only takes no part in the locks in memory.
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Makes a file that SQLite fills, where there is none: its own would be readable for everybody.
/// The log beside a database has the mode of the database.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path).map(drop)
}

/// What SQLite's files begin with (its file format, section 1.3), and where they have the schema's
/// number, as four bytes.
const MAGIC: &[u8] = b"SQLite format 3\0";
const SCHEMA_AT: usize = 60;

/// Looks at a database without SQLite: whether it can be used, is one, and of a schema that is known,
/// as far as the file itself says.
pub(super) fn examine(path: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::folder_of(path, source);
    let mut head = Vec::new();
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file.take(SCHEMA_AT as u64 + 4).read_to_end(&mut head).map_err(unusable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error)),
    };
    if head.is_empty() {
        return Ok(());
    }
    let schema = head.get(SCHEMA_AT..).and_then(|bytes| bytes.try_into().ok());
    let schema = schema.map(u32::from_be_bytes).filter(|_| head.starts_with(MAGIC));
    let known = known_schema();
    match schema.map(i64::from) {
        Some(found) if found > known => Err(OpenError::TooNew { found, known }),
        // What a crash left SQLite may mend, by its journal or its log.
        None if !is_unfinished(path) => {
            Err(OpenError::NoDatabase { path: path.display().to_string() })
        }
        Some(_) | None => Ok(()),
    }
}

fn is_unfinished(path: &Path) -> bool {
    ["-journal", "-wal"].iter().any(|suffix| backup::beside(path, suffix).exists())
}

/// The newest schema that this program knows.
fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match VFS {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = known_schema();
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A database without a schema is a new one.
    if !(1..known).contains(&found) {
        return take_steps(connection, known);
    }
    let copy = backup::copy_aside(connection, path, found)?;
    tracing::info!(copy = %copy.display(), "the history was copied before its schema changes");
    let outcome = take_steps(connection, known);
    if outcome.is_err() {
        // Nothing has changed, and each further try would leave a copy more.
        let _ = fs::remove_file(&copy);
    }
    outcome
}

fn take_steps(connection: &mut Connection, known: i64) -> Result<(), OpenError> {
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

/// Makes a database of the first schema, as an older server left it.
#[cfg(test)]
pub(super) fn make_first_schema(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
}
