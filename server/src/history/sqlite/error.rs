//! Errors from opening the store.

use std::path::Path;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory or a file in it cannot be used.
    #[error("the data directory {path} cannot be used")]
    Folder {
        /// The directory.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Another server uses the data directory.
    #[error("the data directory {path} is in use by another xmeet")]
    InUse {
        /// The directory.
        path: String,
    },
    /// A program other than a server has locked the database.
    #[error("the history database {path} is in use by another program: close it there first")]
    Locked {
        /// The database.
        path: String,
    },
    /// The file with the database's name is not a SQLite database.
    #[error("{path} is not a SQLite database")]
    NotADatabase {
        /// The file.
        path: String,
    },
    /// The database has the tables or the application id of another program.
    #[error("{path} is the database of another program")]
    Foreign {
        /// The file.
        path: String,
    },
    /// SQLite found damaged pages.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// SQLite's description of the damage.
        reason: String,
    },
    /// A directory or special file has the name of one of the server's files.
    #[error("{path} is not a file")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// A symbolic link with the name of one of the server's files has no target.
    #[error("{path} is a link to a file that does not exist")]
    DanglingLink {
        /// The link.
        path: String,
    },
    /// The database has a schema of a newer server.
    #[error("the history was written by a newer xmeet (schema {found}; this one knows {known})")]
    TooNew {
        /// The schema version of the database.
        found: i64,
        /// The newest schema version that this server knows.
        known: i64,
    },
    /// The database could not be copied before its schema migration. The database is unchanged.
    #[error("the history could not be copied to {path} before its schema is changed: {reason}")]
    CopyFailed {
        /// The path of the copy.
        path: String,
        /// The error of SQLite or of the operating system.
        reason: String,
    },
    /// The file system does not support SQLite's WAL mode, which concurrent reads need.
    #[error(
        "the data directory must be on a local file system: SQLite's journal there is {mode:?}"
    )]
    WalUnsupported {
        /// The journal mode that SQLite chose instead.
        mode: String,
    },
    /// SQLite reported another error.
    #[error("the history database cannot be opened")]
    Database(#[from] rusqlite::Error),
}

impl OpenError {
    /// Returns whether a later start may succeed without any change of settings or data.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use rusqlite::ErrorCode;

        match self {
            // The target of a dangling link may be on a disk that is not mounted yet.
            Self::Folder { .. }
            | Self::InUse { .. }
            | Self::Locked { .. }
            | Self::CopyFailed { .. }
            | Self::DanglingLink { .. } => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::CannotOpen
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::FileLockingProtocolFailed
                        | ErrorCode::OutOfMemory
                        | ErrorCode::PermissionDenied
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                )
            ),
            Self::NotADatabase { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. }
            | Self::NotAFile { .. }
            | Self::TooNew { .. }
            | Self::WalUnsupported { .. } => false,
        }
    }

    pub(super) fn damaged(database: &Path, reason: &str) -> Self {
        Self::Damaged { path: database.display().to_string(), reason: reason.to_owned() }
    }

    pub(super) fn folder(folder: &Path, source: std::io::Error) -> Self {
        Self::Folder { path: folder.display().to_string(), source }
    }

    /// Reports that the directory of a database cannot be used.
    pub(super) fn folder_of(database: &Path, source: std::io::Error) -> Self {
        Self::folder(database.parent().unwrap_or(database), source)
    }

    /// Turns SQLite's errors about a locked or damaged database into errors that name its path.
    pub(super) fn with_path(self, database: &Path) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, NotADatabase};

        let Self::Database(error) = &self else { return self };
        match error.sqlite_error_code() {
            Some(DatabaseBusy) => Self::Locked { path: database.display().to_string() },
            Some(DatabaseCorrupt | NotADatabase) => Self::damaged(database, &error.to_string()),
            _ => self,
        }
    }
}
