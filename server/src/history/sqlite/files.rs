//! The database's file and the files that SQLite creates beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// Suffixes of the database's file name: the database itself and SQLite's files beside it.
pub(super) const DATABASE_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Permissions of a new file: only the server's own user.
pub(super) const FILE_MODE: u32 = 0o600;

/// Returns the database's path with a suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Creates a file, readable only for the server's user, unless it exists. A database that SQLite
/// creates would be readable for all users. SQLite gives the WAL the mode of the database.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path).map(drop)
}

/// Opens a file for reading and writing. Returns `None` if it does not exist.
///
/// # Errors
/// If the path is not a file or is a dangling link, or if the file may not be read and written.
pub(super) fn open_usable(path: &Path) -> Result<Option<File>, OpenError> {
    let unusable = |source| OpenError::folder_of(path, source);
    let name = || path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {
            OpenOptions::new().read(true).write(true).open(path).map(Some).map_err(unusable)
        }
        Ok(_) => Err(OpenError::NotAFile { path: name() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(OpenError::DanglingLink { path: name() });
            }
            Ok(None)
        }
        Err(error) => Err(unusable(error)),
    }
}

/// Returns whether a file is empty or does not exist.
pub(super) fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Removes a database that is not open, and the files that SQLite left beside it. Missing files are
/// no error.
pub(super) fn remove_database(path: &Path) -> io::Result<()> {
    for suffix in DATABASE_SUFFIXES {
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Syncs the directory entries of the database's directory to disk.
pub(super) fn sync_folder(database: &Path) -> io::Result<()> {
    File::open(database.parent().unwrap_or(database))?.sync_all()
}
