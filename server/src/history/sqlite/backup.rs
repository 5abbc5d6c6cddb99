//! The copy that is made of the database before its schema is changed: the way back to the older
//! server. It is a whole database, of the older schema, beside the one in use.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::OpenError;
use super::schema;
use crate::clock::unix_now;

/// Copies the database, durably, and answers with the copy's path, which no other copy has.
pub(super) fn copy_aside(
    connection: &Connection,
    database: &Path,
    schema: i64,
) -> Result<PathBuf, OpenError> {
    let copy = beside(database, &format!(".schema-{schema}.{}", unix_now()));
    // Under its name only once it is whole: a start may be broken off.
    let partial = partial_of(database);
    let made = write_copy(connection, database)
        .and_then(|()| fs::rename(&partial, &copy).map_err(|error| error.to_string()))
        .and_then(|()| sync_folder(database).map_err(|error| error.to_string()));
    match made {
        Ok(()) => Ok(copy),
        Err(reason) => {
            // It may hold the last of a disk.
            let _ = fs::remove_file(&partial);
            Err(OpenError::NoCopy { path: copy.display().to_string(), reason })
        }
    }
}

/// Removes what a start that was broken off had copied. It may be as large as the database.
pub(super) fn remove_partial(database: &Path) -> io::Result<()> {
    match fs::remove_file(partial_of(database)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_copy(connection: &Connection, database: &Path) -> Result<(), String> {
    remove_partial(database).map_err(|error| error.to_string())?;
    let partial = partial_of(database);
    schema::make_private(&partial).map_err(|error| error.to_string())?;
    let target = partial.to_str().ok_or("the path is not UTF-8")?;
    connection.execute("VACUUM INTO ?1", [target]).map_err(|error| error.to_string())?;
    // SQLite leaves it to the system when it is on the disk.
    File::open(partial).and_then(|file| file.sync_all()).map_err(|error| error.to_string())
}

fn partial_of(database: &Path) -> PathBuf {
    beside(database, ".copying")
}

/// The file beside a database whose name goes on with the suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

fn sync_folder(database: &Path) -> io::Result<()> {
    File::open(database.parent().unwrap_or(database))?.sync_all()
}
