//! Checks, without changing anything, whether a start on the files of a data directory would succeed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::OpenError;
use super::files::{self, is_empty, make_private, open_usable};
use super::schema;

/// How much of the database a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What a start reads: the files, the header and the schema.
    Start,
    /// Every page, within [`THOROUGH_TIME_MAX`].
    Thorough,
}

/// Time limit of a thorough check. It is short, because operators run the check before each start.
const THOROUGH_TIME_MAX: Duration = Duration::from_secs(5);

/// Steps of SQLite's virtual machine between two checks of the deadline.
const STEPS_PER_DEADLINE_CHECK: i32 = 10_000;

/// The first bytes of a SQLite database (SQLite's file format, section 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Offset of the four-byte schema version in the header.
const SCHEMA_VERSION_OFFSET: usize = 60;

/// Characters that a `file:` URI escapes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Checks a database and the files beside it.
pub(super) fn examine(database: &Path, depth: Depth) -> Result<(), OpenError> {
    for suffix in ["-wal", "-shm", "-journal"] {
        open_usable(&files::beside(database, suffix))?;
    }
    let Some(mut file) = open_usable(database)? else { return Ok(()) };
    let unusable = |source| OpenError::folder_of(database, source);
    let mut head = Vec::new();
    (&mut file).take(SCHEMA_VERSION_OFFSET as u64 + 4).read_to_end(&mut head).map_err(unusable)?;
    // Must be closed before SQLite opens the file: closing a file drops all of the process's POSIX
    // locks on it, SQLite's included.
    drop(file);
    if head.is_empty() {
        return Ok(());
    }
    let schema = head.get(SCHEMA_VERSION_OFFSET..).and_then(|bytes| bytes.try_into().ok());
    if schema.map(u32::from_be_bytes).filter(|_| head.starts_with(MAGIC)).is_none() {
        // SQLite may repair the header from a journal or WAL that a crash left behind.
        let is_recoverable =
            ["-journal", "-wal"].iter().any(|suffix| !is_empty(&files::beside(database, suffix)));
        let path = database.display().to_string();
        return if is_recoverable { Ok(()) } else { Err(OpenError::NotADatabase { path }) };
    }
    examine_content(database, depth).map_err(|error| error.with_path(database))
}

fn examine_content(database: &Path, depth: Depth) -> Result<(), OpenError> {
    if !is_empty(&files::beside(database, "-journal")) {
        // The content is unknown until a start rolls the journal back.
        return Ok(());
    }
    let mut connection = open_unchanged(database)?;
    schema::examine(&connection, database)?;
    if depth == Depth::Thorough {
        check_pages(&mut connection, database)?;
    }
    Ok(())
}

/// Opens a database so that nothing is written to it or beside it.
fn open_unchanged(database: &Path) -> Result<Connection, OpenError> {
    use rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let path = percent_encode(database.as_os_str().as_encoded_bytes(), ESCAPED);
    if is_empty(&files::beside(database, "-wal")) {
        let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY;
        return Ok(Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?);
    }
    // A WAL needs a shared-memory index. This VFS keeps it in memory, because an index file would
    // remain and belong to the user who runs the check. It needs write access for its lock.
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection =
        Connection::open_with_flags_and_vfs(format!("file:{path}"), flags, schema::EXCLUSIVE_VFS)?;
    connection.set_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Looks for damage in every page, until [`THOROUGH_TIME_MAX`] has passed.
fn check_pages(connection: &mut Connection, database: &Path) -> Result<(), OpenError> {
    let deadline = Instant::now() + THOROUGH_TIME_MAX;
    connection
        .progress_handler(STEPS_PER_DEADLINE_CHECK, Some(move || Instant::now() > deadline))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(OpenError::damaged(database, &found)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(()),
        Err(error) => Err(OpenError::from(error)),
    }
}

/// Checks the database, creates its file if there is none, and opens the file for
/// [`super::file_watch`].
pub(super) fn prepare(path: &Path) -> Result<File, OpenError> {
    // Fails with a more precise error than SQLite would.
    examine(path, Depth::Start)?;
    let file = make_private(path).and_then(|()| File::open(path));
    file.map_err(|source| OpenError::folder_of(path, source))
}
