//! The embedded engine: one SQLite database (WAL) in the data directory, one thread that writes,
//! one that reads.
//!
//! The writer takes whatever waits and commits it in one transaction, so the price of a commit is
//! paid per batch and the batches grow with the load.

mod reader;
mod schema;
mod writer;

use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};
use xmeet_shared::{MessageId, RoomId};

use super::{Answer, History, HistoryError};
use crate::room::{Kept, Message, Stored};

/// The database's file name in the data directory.
const DATABASE_FILE: &str = "history.sqlite3";

/// The file whose lock says that a server uses the data directory.
const LOCK_FILE: &str = "xmeet.lock";

/// Requests that may wait for the writer or the reader; further ones wait with whoever asks.
const QUEUE_REQUESTS_MAX: usize = 1024;

/// Why the history could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("the data folder {path} cannot be used: {source}")]
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
    /// The database is of a later version.
    #[error("the history was written by a newer xmeet (schema {found}; this one knows {known})")]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file system has no shared memory, without which nobody can read while it is written.
    #[error("the data folder must be on a local file system: SQLite's journal there is {mode:?}")]
    NoWal {
        /// The journal mode that SQLite fell back to.
        mode: String,
    },
    /// The database is damaged, or not one.
    #[error("the history database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
}

/// The engine.
#[derive(Debug)]
pub struct SqliteHistory {
    writer: mpsc::Sender<writer::Job>,
    reader: mpsc::Sender<reader::Request>,
}

/// What [`SqliteHistory::open`] gives beside the engine.
#[derive(Debug)]
pub struct Opened {
    /// The engine.
    pub history: SqliteHistory,
    /// How often this data directory has been opened, this time included: what makes pids of this
    /// start differ from those of every other.
    pub creation: u64,
    /// To end the engine.
    pub threads: Threads,
}

/// The engine's threads.
#[derive(Debug)]
pub struct Threads {
    writer: mpsc::Sender<writer::Job>,
    reader: mpsc::Sender<reader::Request>,
    joins: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Threads {
    /// Ends the engine when everything that it was sent is on disk, and answers then. What it is
    /// sent from here on is answered with [`HistoryError::Closed`].
    ///
    /// The waiting is done by a thread of its own, so that whoever cannot wait any longer can go:
    /// what was not answered by then was never promised to anybody.
    pub fn stop(self) -> oneshot::Receiver<()> {
        let (stopped, answer) = oneshot::channel();
        thread::spawn(move || {
            // Fails where a thread has panicked, which its join tells.
            let _ = self.writer.blocking_send(writer::Job::Stop);
            let _ = self.reader.blocking_send(reader::Request::Stop);
            for join in self.joins {
                if join.join().is_err() {
                    tracing::error!("a thread of the history panicked");
                }
            }
            let _ = stopped.send(());
        });
        answer
    }
}

impl SqliteHistory {
    /// Opens the history in a folder, which is made when it is not there. `kept_max` messages of
    /// each room are kept.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way.
    pub fn open(folder: &Path, kept_max: u64) -> Result<Opened, OpenError> {
        let lock = lock_folder(folder)?;
        let path = folder.join(DATABASE_FILE);
        let mut connection = schema::open_for_writing(&path)?;
        let creation = schema::count_start(&mut connection)?;
        let reading = schema::open_for_reading(&path)?;

        let (write_sender, write_receiver) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let (read_sender, read_receiver) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let joins = vec![
            thread::Builder::new()
                .name("history-writer".to_owned())
                .spawn(move || writer::run(connection, write_receiver, kept_max))
                .map_err(|source| folder_error(folder, source))?,
            thread::Builder::new()
                .name("history-reader".to_owned())
                .spawn(move || reader::run(&reading, read_receiver))
                .map_err(|source| folder_error(folder, source))?,
        ];
        let (writer, reader) = (write_sender.clone(), read_sender.clone());
        let threads = Threads { writer, reader, joins, _lock: lock };
        let history = Self { writer: write_sender, reader: read_sender };
        Ok(Opened { history, creation, threads })
    }
}

fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    fs::create_dir_all(folder).map_err(|source| folder_error(folder, source))?;
    let lock =
        File::create(folder.join(LOCK_FILE)).map_err(|source| folder_error(folder, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => {
            Err(OpenError::InUse { path: folder.display().to_string() })
        }
        Err(fs::TryLockError::Error(source)) => Err(folder_error(folder, source)),
    }
}

fn folder_error(folder: &Path, source: std::io::Error) -> OpenError {
    OpenError::Folder { path: folder.display().to_string(), source }
}

impl History for SqliteHistory {
    fn epoch(&self) -> Arc<str> {
        "x".into()
    }

    fn load(&self, room: &RoomId) -> Answer<Stored> {
        let room = room.clone();
        ask(self.reader.clone(), |answer| reader::Request::Load { room, answer })
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> Answer<MessageId> {
        let room = room.clone();
        let append = |answer| writer::Append { room, messages, answer };
        ask(self.writer.clone(), |answer| writer::Job::Append(append(answer)))
    }

    fn read(&self, room: &RoomId, ids: RangeInclusive<MessageId>) -> Answer<Vec<Kept>> {
        let room = room.clone();
        ask(self.reader.clone(), |answer| reader::Request::Read { room, ids, answer })
    }
}

/// Hands a request to a thread and waits for its answer.
fn ask<R: Send + 'static, T: Send + 'static>(
    queue: mpsc::Sender<R>,
    request: impl FnOnce(oneshot::Sender<Result<T, HistoryError>>) -> R,
) -> Answer<T> {
    let (sender, receiver) = oneshot::channel();
    let request = request(sender);
    Box::pin(async move {
        queue.send(request).await.map_err(|_| HistoryError::Closed)?;
        receiver.await.map_err(|_| HistoryError::Closed)?
    })
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

#[cfg(test)]
mod tests;
