//! Which store this is, and which start of it: the epoch and the count of starts.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;

/// The file whose lock says that a server uses the data folder. It holds the count of starts, so
/// that a database that was put back from a copy is recognised: its own count is lower.
const LOCK_FILE: &str = "xmeet.lock";

/// Who may use what is made: the server's own user.
const FOLDER_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;

/// What a start is told.
#[derive(Debug)]
pub(super) struct Start {
    /// How often this folder has been opened, this time included.
    pub(super) creation: u64,
    /// What stays while the ids of the rooms go on counting.
    pub(super) epoch: String,
}

/// Locks the folder, which is made when it is not there, against other servers.
pub(super) fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::folder(folder, source);
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(unusable)?;
    }
    // What people say is nobody's business who has an account on this machine.
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(unusable)?;
    // What it holds must survive until it has been read.
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(FILE_MODE)
        .open(folder.join(LOCK_FILE))
        .map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => {
            Err(OpenError::InUse { path: folder.display().to_string() })
        }
        Err(fs::TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Whether another server uses the folder.
pub(super) fn is_locked(folder: &Path) -> io::Result<bool> {
    match File::open(folder.join(LOCK_FILE)) {
        Ok(lock) => Ok(matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Counts this start, durably, before any pid of it exists; and draws a new epoch when the
/// database is new, was put back from a copy, or was copied to another place. The connection
/// must be one whose commits reach the disk.
pub(super) fn count_start(
    connection: &mut Connection,
    database: &Path,
    lock: &mut File,
) -> Result<Start, OpenError> {
    let unusable = |source| OpenError::folder_of(database, source);
    let counted = read_count(lock).map_err(unusable)?;
    let file = birth_of(database).map_err(unusable)?;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (last, known_file): (u64, String) =
        transaction.query_row("SELECT creation, file FROM start", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    // A database without a file is new, or from before there were epochs.
    let is_same = last >= counted && known_file == file;
    if !is_same {
        transaction.execute("UPDATE start SET epoch = lower(hex(randomblob(16)))", [])?;
    }
    // The larger of the two: pids must not come again even if the database is an old one.
    let creation = last.max(counted) + 1;
    transaction.execute("UPDATE start SET creation = ?1, file = ?2", (creation, &file))?;
    let epoch = transaction.query_row("SELECT epoch FROM start", [], |row| row.get(0))?;
    // The commit must be seen to succeed, or the next start would draw the same number.
    transaction.commit()?;
    // After the database: were it the other way round, a crash between the two would look like an
    // old copy.
    write_count(lock, creation).map_err(unusable)?;
    if !is_same && !known_file.is_empty() {
        tracing::info!("the history was put back or copied: it has a new epoch");
    }
    Ok(Start { creation, epoch })
}

/// The count of starts in the lock file; 0 when it holds none.
fn read_count(lock: &mut File) -> io::Result<u64> {
    let mut text = Vec::new();
    lock.seek(SeekFrom::Start(0))?;
    lock.read_to_end(&mut text)?;
    Ok(str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

fn write_count(lock: &mut File, count: u64) -> io::Result<()> {
    // Written over what is there, which is never longer: a crash leaves one number or the other.
    let text = format!("{count}\n");
    lock.seek(SeekFrom::Start(0))?;
    lock.write_all(text.as_bytes())?;
    lock.set_len(text.len() as u64)?;
    lock.sync_all()
}

/// What tells a file from a copy of it: its number and when it was made. Not the device, whose
/// number may be another after a restart of the machine.
fn birth_of(path: &Path) -> io::Result<String> {
    let file = fs::metadata(path)?;
    // Not every file system knows it.
    let made = file.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    Ok(format!("{}/{made}", number_of(&file)))
}

#[cfg(unix)]
fn number_of(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number_of(_: &fs::Metadata) -> u64 {
    0
}
