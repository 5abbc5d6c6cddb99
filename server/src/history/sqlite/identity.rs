//! The identity of the store and of the current run: the epoch, and the number of starts.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, TransactionBehavior};

use super::SyncMode;
use super::error::OpenError;
use super::lock_file::{LatestStart, LockFile, Run};

/// A recorded start.
#[derive(Debug)]
pub(super) struct Start {
    /// How often the directory has been opened, including now.
    pub(super) count: u64,
    /// Identifies the numbering of messages. It stays the same as long as no id can be assigned
    /// twice.
    pub(super) epoch: String,
    /// How many transactions have evicted rooms so far.
    pub(super) evictions: u64,
}

/// Increments the number of starts, and marks the run as unclean in the lock file until it ends.
/// Draws a new epoch if message ids could be assigned twice: the database is new, was restored from
/// a backup or copied elsewhere, or the machine crashed with commits that had not reached the disk.
///
/// The connection must sync each commit (`synchronous = FULL`), because no pid of this run may exist
/// before the new number is on the disk.
pub(super) fn record_start(
    connection: &mut Connection,
    database: &Path,
    lock: &mut LockFile,
    boot: Option<String>,
    sync: SyncMode,
) -> Result<Start, OpenError> {
    let unusable = |source| OpenError::folder_of(database, source);
    let lock_count = lock.latest.count;
    let file = file_identity(database).map_err(unusable)?;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (last_count, last_file): (u64, String) =
        transaction.query_row("SELECT creation, file FROM start", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    // `last_file` is empty in a new database and in one from before epochs existed.
    let is_same_file = last_count >= lock_count && last_file == file;
    let may_have_lost = is_same_file && lock.latest.may_have_lost_messages(boot.as_deref());
    if !is_same_file || may_have_lost {
        transaction.execute("UPDATE start SET epoch = lower(hex(randomblob(16)))", [])?;
    }
    // A restored database has the lower count. Pids must not repeat even then.
    let count = last_count.max(lock_count) + 1;
    transaction.execute("UPDATE start SET creation = ?1, file = ?2", (count, &file))?;
    let (epoch, evictions) =
        transaction.query_row("SELECT epoch, evictions FROM start", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    // Dropping the transaction would discard an error, and the next start would get the same number.
    transaction.commit()?;
    // The database is written first: a crash between the two writes must not make the database look
    // like a restored one. The commit also synced whatever an earlier run had left unsynced.
    let run = Some(Run { boot, sync, is_clean: false });
    lock.write(LatestStart { count, run }).map_err(unusable)?;
    if may_have_lost {
        tracing::warn!(
            "the machine may have crashed while the history was in use, and the newest messages \
             may be lost: the history has a new epoch"
        );
    } else if !is_same_file && !last_file.is_empty() {
        tracing::info!("the history was restored or copied: it has a new epoch");
    }
    Ok(Start { count, epoch, evictions })
}

/// Returns a string that differs between a file and its copies: inode and creation time. The device
/// number is not included, because it may change when the machine restarts.
pub(super) fn file_identity(path: &Path) -> io::Result<String> {
    let file = fs::metadata(path)?;
    // Not every file system stores a creation time.
    let created = file.created().ok().and_then(|created| created.duration_since(UNIX_EPOCH).ok());
    let created = created.map_or(0, |created| created.as_nanos());
    Ok(format!("{}/{created}", inode(&file)))
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
