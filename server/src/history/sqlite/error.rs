//! Why the history could not be opened.

use std::path::Path;

/// Why the history could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("the data folder {path} cannot be used")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another server has it.
    #[error("the data folder {path} is in use by another xmeet")]
    InUse {
        /// The folder.
        path: String,
    },
    /// Another program, not a server, reads or writes the database.
    #[error("the history database {path} is in use by another program: close it there first")]
    Held {
        /// The database.
        path: String,
    },
    /// What has the database's name is something else.
    #[error("{path} is no SQLite database")]
    NoDatabase {
        /// The file.
        path: String,
    },
    /// The database is of a later version.
    #[error("the history was written by a newer xmeet (schema {found}; this one knows {known})")]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database could not be copied before its schema is changed, so it was left as it is.
    #[error("the history could not be copied to {path} before its schema is changed: {reason}")]
    NoCopy {
        /// Where to.
        path: String,
        /// What was said.
        reason: String,
    },
    /// The file system cannot hold SQLite's journal, without which nobody can read while it is
    /// written.
    #[error("the data folder must be on a local file system: SQLite's journal there is {mode:?}")]
    NoWal {
        /// The journal mode that SQLite fell back to.
        mode: String,
    },
    /// The database is damaged, or not one.
    #[error("the history database cannot be opened")]
    Database(#[from] rusqlite::Error),
}

impl OpenError {
    /// Whether it may pass with nobody changing anything: what the system says of a folder may.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Folder { .. } | Self::InUse { .. } | Self::Held { .. })
    }

    /// Says that the folder cannot be used.
    pub(super) fn folder(folder: &Path, source: std::io::Error) -> Self {
        Self::Folder { path: folder.display().to_string(), source }
    }

    /// Says that the folder of a database cannot be used.
    pub(super) fn folder_of(database: &Path, source: std::io::Error) -> Self {
        Self::folder(database.parent().unwrap_or(database), source)
    }

    /// Tells a database that somebody else holds from one that is damaged.
    pub(super) fn or_held(self, database: &Path) -> Self {
        match &self {
            Self::Database(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) =>
            {
                Self::Held { path: database.display().to_string() }
            }
            _ => self,
        }
    }
}
