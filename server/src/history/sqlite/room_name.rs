//! Reads room names from the database.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Row;
use xmeet_shared::RoomId;

/// Whether an invalid name has been logged. It is logged once, because rooms are listed repeatedly.
static IS_LOGGED: AtomicBool = AtomicBool::new(false);

/// Reads a room's name from a row that also has the column `id`. Returns `None` if the text is not a
/// valid room name, for example in a damaged database. Callers skip such a room and handle the
/// others.
///
/// # Errors
/// If the column cannot be read at all.
pub(super) fn read(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<RoomId>> {
    let name = row.get_ref(column)?.as_str().ok().and_then(|name| RoomId::new(name).ok());
    if name.is_none() && !IS_LOGGED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            row = row.get::<_, i64>("id")?,
            "a room in the store has an invalid name and is skipped"
        );
    }
    Ok(name)
}
