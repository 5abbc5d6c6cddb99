//! Checks that the files that SQLite has open are still the ones in the data directory, and complete.
//! SQLite does not notice when they are removed or replaced, and goes on writing to files that the
//! next start will not find.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{Access, access};

use super::files;
use super::wal::{CheckpointLock, FRAME_HEADER_BYTES};
use crate::readiness::Health;

/// Time between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Consecutive checks that must find a file too short. One is not enough: SQLite itself changes header
/// and length at slightly different times.
const SHORT_CHECKS_MIN: u32 = 2;

/// Size of the database's header, and the offsets of two fields in it (SQLite's file format, section
/// 1.3).
const HEADER_BYTES: usize = 100;
const PAGE_BYTES_OFFSET: usize = 16;
const PAGE_COUNT_OFFSET: usize = 28;

/// Size of the WAL's header.
const WAL_HEADER_BYTES: u64 = 32;

/// Permissions that the next start needs, even if this process has the file open already.
const OWNER_MODE: u32 = 0o600;

/// The identity of the database's files when they were opened.
#[derive(Debug)]
pub(super) struct FileWatch {
    database: WatchedFile,
    wal: WatchedFile,
    /// The open database, to read its header and length. Closing it while SQLite has the file open
    /// would drop SQLite's POSIX locks.
    file: File,
    /// RoomRange while the log is copied: the database's header then runs ahead of its length.
    checkpoints: CheckpointLock,
    /// Pages in the WAL after the latest commit.
    wal_pages: Arc<AtomicU64>,
    short: Mutex<ShortFile>,
}

/// Evidence that a file was truncated.
#[derive(Debug, Default)]
struct ShortFile {
    /// Consecutive checks that found it.
    checks: u32,
    /// The problem, once confirmed. It is permanent, because the lost data does not come back.
    problem: Option<String>,
}

#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl FileWatch {
    /// Records the identity of a database and its WAL, which SQLite has open. `file` is the database,
    /// opened before SQLite opened it.
    pub(super) fn new(
        database: &Path,
        file: File,
        checkpoints: CheckpointLock,
        wal_pages: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        Ok(Self {
            database: WatchedFile::new(database.to_owned())?,
            wal: WatchedFile::new(files::beside(database, "-wal"))?,
            file,
            checkpoints,
            wal_pages,
            short: Mutex::default(),
        })
    }

    /// Checks that neither file was removed or replaced. Cheap: two system calls.
    ///
    /// # Errors
    /// A description of the problem. Data written now would be lost.
    pub(super) fn check_names(&self) -> Result<(), String> {
        self.database.check().and_then(|_| self.wal.check()).map(drop)
    }

    /// Checks that neither file was removed, replaced, truncated, or made inaccessible for the next
    /// start.
    ///
    /// # Errors
    /// A description of the problem.
    pub(super) fn check(&self) -> Result<(), String> {
        let database = self.database.check()?;
        let wal = self.wal.check()?;
        self.database.check_permissions(&database)?;
        self.wal.check_permissions(&wal)?;
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        if short.problem.is_none() {
            match self.find_short(&wal) {
                Some(problem) => {
                    short.checks += 1;
                    short.problem = (short.checks >= SHORT_CHECKS_MIN).then_some(problem);
                }
                None => short.checks = 0,
            }
        }
        short.problem.clone().map_or(Ok(()), Err)
    }

    /// Returns a description of a file that is shorter than SQLite made it. Skips the check during a
    /// checkpoint.
    fn find_short(&self, wal: &Metadata) -> Option<String> {
        let _checkpoints = self.checkpoints.try_lock().ok()?;
        let mut header = [0; HEADER_BYTES];
        let database = self.database.name();
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Some(format!("{database} was truncated"));
            }
            Err(error) => return Some(format!("{database} cannot be read: {error}")),
        }
        let page_bytes =
            match u16::from_be_bytes([header[PAGE_BYTES_OFFSET], header[PAGE_BYTES_OFFSET + 1]]) {
                1 => 0x1_0000,
                bytes => u64::from(bytes),
            };
        let count = header[PAGE_COUNT_OFFSET..PAGE_COUNT_OFFSET + 4]
            .try_into()
            .map_or(0, u32::from_be_bytes);
        let expected = page_bytes * u64::from(count);
        let length = self.file.metadata().ok()?.len();
        if length < expected {
            return Some(format!("{database} was truncated: it has {length} of {expected} bytes"));
        }
        let frames = self.wal_pages.load(Ordering::Relaxed);
        let expected = WAL_HEADER_BYTES + frames * (page_bytes + FRAME_HEADER_BYTES);
        let length = wal.len();
        let is_short = frames > 0 && length < expected;
        let name = self.wal.name();
        is_short.then(|| format!("{name} was truncated: it has {length} of {expected} bytes"))
    }
}

impl WatchedFile {
    fn new(path: PathBuf) -> io::Result<Self> {
        let file = fs::metadata(&path)?;
        Ok(Self { device: file.dev(), inode: file.ino(), path })
    }

    /// Returns the metadata of the file, if the name still leads to the same file.
    fn check(&self) -> Result<Metadata, String> {
        match fs::metadata(&self.path) {
            Ok(file) if (file.dev(), file.ino()) == (self.device, self.inode) => Ok(file),
            Ok(_) => Err(format!("{} was replaced by another file", self.name())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("{} was removed", self.name()))
            }
            Err(error) => Err(format!("{} cannot be reached: {error}", self.name())),
        }
    }

    fn check_permissions(&self, file: &Metadata) -> Result<(), String> {
        // As root, `access` always succeeds, but the next start may be as another user.
        let is_closed_to_owner = file.mode() & OWNER_MODE != OWNER_MODE;
        if is_closed_to_owner || access(&self.path, Access::READ_OK | Access::WRITE_OK).is_err() {
            return Err(format!("{} may not be read and written any more", self.name()));
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().display().to_string()
    }
}

/// Runs the watcher thread until the sender of `stop` is dropped.
pub(super) fn run(files: &FileWatch, health: &Health, stop: &Receiver<()>) {
    while stop.recv_timeout(CHECK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        health.record_file_check(files.check());
    }
}
