//! Copies the database before a schema migration, so that an operator can go back to the older
//! server. The copy is a complete database of the older schema, in the same directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::OpenError;
use super::files::{beside, make_private, remove_database, sync_folder};
use crate::clock::unix_now;

/// Copies the database and syncs the copy to disk. Returns the copy's path, which is new.
pub(super) fn copy_database(
    connection: &Connection,
    database: &Path,
    schema: i64,
) -> Result<PathBuf, OpenError> {
    let copy = beside(database, &format!(".schema-{schema}.{}", unix_now()));
    // The copy gets its final name only when it is complete, because a start may be interrupted.
    let partial = partial_path(database);
    let made = write_copy(connection, database)
        .and_then(|()| fs::rename(&partial, &copy).map_err(|error| error.to_string()))
        .and_then(|()| sync_folder(database).map_err(|error| error.to_string()));
    match made {
        Ok(()) => Ok(copy),
        Err(reason) => {
            // It may occupy the last free space of the disk.
            let _ = remove_database(&partial);
            Err(OpenError::CopyFailed { path: copy.display().to_string(), reason })
        }
    }
}

/// Removes the incomplete copy of an interrupted start. It may be as large as the database.
pub(super) fn remove_partial(database: &Path) {
    if let Err(error) = remove_database(&partial_path(database)) {
        tracing::warn!(%error, "failed to remove an incomplete copy of the history");
    }
}

fn write_copy(connection: &Connection, database: &Path) -> Result<(), String> {
    let partial = partial_path(database);
    remove_database(&partial).map_err(|error| error.to_string())?;
    make_private(&partial).map_err(|error| error.to_string())?;
    let target = partial.to_str().ok_or("the path is not UTF-8")?;
    connection.execute("VACUUM INTO ?1", [target]).map_err(|error| error.to_string())?;
    // VACUUM INTO does not sync the new file.
    File::open(partial).and_then(|file| file.sync_all()).map_err(|error| error.to_string())
}

fn partial_path(database: &Path) -> PathBuf {
    beside(database, ".copying")
}
