//! `xmeet backup`: copies the history to a file, whether or not a server is running. The copy is a
//! consistent snapshot. A server that starts on it draws a new epoch.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::error::OpenError;
use super::files::{self, DATABASE_SUFFIXES, FILE_MODE, beside, remove_database, sync_folder};
use super::{DATABASE_FILE, schema};

/// Pages per step: one mebibyte.
const STEP_PAGES: i32 = 256;

/// Pause between two steps, in which a running server's reads and writes reach the disk.
const STEP_PAUSE: Duration = Duration::from_millis(1);

/// Pause before a step is retried because the database was locked.
const LOCKED_PAUSE: Duration = Duration::from_millis(100);

/// How often a step is retried.
const LOCKED_RETRIES_MAX: u32 = 100;

/// Replaces the file identity in a copy. It matches no file, so a start on the copy draws a new epoch.
const COPY_IDENTITY: &str = "backup";

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The history cannot be used.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// The data directory contains no history.
    #[error("there is no history in {0}")]
    NoHistory(String),
    /// The target exists, or the temporary file beside it does.
    #[error("{0} exists: a backup replaces nothing")]
    Exists(String),
    /// The target is one of the database's own files.
    #[error("{0} is a file of the history itself: choose another name for the backup")]
    IsSource(String),
    /// The copy could not be written.
    #[error("the copy {path} could not be made: {reason}")]
    Copy {
        /// The copy.
        path: String,
        /// The error of SQLite or of the operating system.
        reason: String,
    },
}

/// Copies the history of a data directory to a new file. Returns the copy's length in bytes.
///
/// `progress` is called with the number of pages left and in total. The copy is made in a temporary
/// file, and gets the name `target` when it is complete and on the disk.
///
/// # Errors
/// [`BackupError`] says why there is no copy.
pub fn back_up(
    folder: &Path,
    target: &Path,
    progress: impl FnMut(i32, i32),
) -> Result<u64, BackupError> {
    let database = folder.join(DATABASE_FILE);
    if files::open_usable(&database)?.is_none() {
        return Err(BackupError::NoHistory(folder.display().to_string()));
    }
    let partial = beside(target, ".copying");
    if is_file_of_database(&database, target) {
        return Err(BackupError::IsSource(target.display().to_string()));
    }
    // `exists` would miss a dangling link.
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.display().to_string()));
    }
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(FILE_MODE).open(&partial) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(partial.display().to_string()));
        }
        Err(error) => return Err(copy_error(target, error)),
    }
    let outcome = copy(&database, &partial, target, progress);
    if outcome.is_err() {
        // It may occupy the last free space of the disk.
        let _ = remove_database(&partial);
    }
    outcome
}

fn copy(
    database: &Path,
    partial: &Path,
    target: &Path,
    progress: impl FnMut(i32, i32),
) -> Result<u64, BackupError> {
    let source = open(database).map_err(OpenError::from)?;
    schema::examine(&source, database)?;
    copy_pages(&source, partial, progress).map_err(|error| copy_error(target, error))?;
    set_copy_identity(partial).map_err(|error| copy_error(target, error))?;
    let write_out = || {
        let file = File::open(partial)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    let bytes = write_out().map_err(|error: io::Error| copy_error(target, error))?;
    match rename_to_new(partial, target) {
        Ok(()) => {}
        // The target was created while the copy was made.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(target.display().to_string()));
        }
        Err(error) => return Err(copy_error(target, error)),
    }
    let synced = std::path::absolute(target).and_then(|target: PathBuf| sync_folder(&target));
    synced.map_err(|error| copy_error(target, error))?;
    Ok(bytes)
}

/// Renames a file. Fails if the target exists.
fn rename_to_new(partial: &Path, target: &Path) -> io::Result<()> {
    match renameat_with(CWD, partial, CWD, target, RenameFlags::NOREPLACE) {
        // The file system cannot do both atomically.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if target.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(partial, target)
        }
        outcome => Ok(outcome?),
    }
}

/// Returns whether a path leads to a file of the database, even to one that does not exist at the
/// moment: SQLite would take a copy of that name for a part of the database.
fn is_file_of_database(database: &Path, target: &Path) -> bool {
    let resolve = |path: &Path| {
        // A file that does not exist is resolved by its directory.
        let folder = std::path::absolute(path).ok()?.parent()?.canonicalize().ok()?;
        path.canonicalize().ok().or_else(|| Some(folder.join(path.file_name()?)))
    };
    let target = resolve(target);
    target.is_some()
        && DATABASE_SUFFIXES.iter().any(|suffix| resolve(&beside(database, suffix)) == target)
}

fn open(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(LOCKED_PAUSE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Copies all pages of one snapshot. A running server writes to the WAL meanwhile, and cannot restart
/// the WAL until the copy is complete.
fn copy_pages(
    source: &Connection,
    partial: &Path,
    mut progress: impl FnMut(i32, i32),
) -> rusqlite::Result<()> {
    let _snapshot = source.unchecked_transaction()?;
    // The snapshot is taken at the first read of the transaction.
    source.query_row("SELECT count(*) FROM start", [], |_| Ok(()))?;
    let mut copy = Connection::open(partial)?;
    let backup = Backup::new(source, &mut copy)?;
    let mut locked_retries = 0;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked if locked_retries < LOCKED_RETRIES_MAX => {
                locked_retries += 1;
                thread::sleep(LOCKED_PAUSE);
            }
            StepResult::More => {
                locked_retries = 0;
                let status = backup.progress();
                progress(status.remaining, status.pagecount);
                thread::sleep(STEP_PAUSE);
            }
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
    }
}

/// Makes a server that starts on the copy draw a new epoch, under whatever name.
fn set_copy_identity(copy: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(copy)?;
    // Keeps the copy in one file. In WAL mode it could lose its WAL when it is moved.
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    connection.execute("UPDATE start SET file = ?1", [COPY_IDENTITY])?;
    connection.close().map_err(|(_, error)| error)
}

fn copy_error(target: &Path, reason: impl std::fmt::Display) -> BackupError {
    BackupError::Copy { path: target.display().to_string(), reason: reason.to_string() }
}
