//! The size of the store and its limit.
//!
//! The limit is the operator's bound, or less if the file system has no room for it: a tenth of the
//! file system stays free. SQLite itself stops the database at the limit (`PRAGMA max_page_count`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use rusqlite::Connection;

use super::files::beside;
use crate::metrics::StoreMetrics;

/// The store leaves 1/`RESERVE_SHARE` of the file system free.
const RESERVE_SHARE: u64 = 10;

/// Time between two queries of the file system's free space.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Eviction starts when less than 1/`HEADROOM_SHARE` of the limit is free, and stops when twice as
/// much is free.
const HEADROOM_SHARE: u64 = 16;

/// Minimum of that headroom in bytes, unless it is more than a quarter of the limit. A transaction
/// adds up to a third of it.
const HEADROOM_BYTES_MIN: u64 = 3 * 1024 * 1024;

/// A store below this size, in bytes, is not evicted because of a full disk: other programs have
/// filled the disk, and eviction would free little.
const DISK_FLOOR_BYTES: u64 = 8 * 1024 * 1024;

/// The store counts as full when fewer pages are left: a long message needs this many.
const MESSAGE_PAGES: u64 = 32;

/// Pages beyond the limit that eviction may use until it has freed others.
const EVICTION_PAGES: u64 = 64;

/// The size of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub(super) total_bytes: u64,
    /// Free bytes that the server's user may use.
    pub(super) free_bytes: u64,
}

impl FileSystem {
    /// Reads the size of the file system that contains a directory.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Self { total_bytes: bytes(stat.f_blocks), free_bytes: bytes(stat.f_bavail) })
    }

    /// Returns how many bytes the store's files may grow, without the reserve.
    pub(super) fn available_bytes(self) -> u64 {
        self.free_bytes.saturating_sub(self.total_bytes / RESERVE_SHARE)
    }
}

/// The size of the database and its limit, in pages.
#[derive(Debug)]
pub(super) struct StoreSize {
    database: PathBuf,
    /// The operator's bound.
    bytes_max: u64,
    page_bytes: u64,
    /// The current limit.
    pages_max: u64,
    /// Whether the file system, and not the operator's bound, sets the limit.
    is_disk_limited: bool,
    /// Pages of the database's file, including free ones.
    file_pages: u64,
    used_pages: u64,
    /// When the limit was last refreshed; `None` to refresh it next time.
    refreshed: Option<Instant>,
    metrics: Arc<StoreMetrics>,
}

impl StoreSize {
    /// Measures a database, and applies the limit to the connection. The database may grow to
    /// `bytes_max`, and its WAL to `wal_bytes_max`.
    pub(super) fn new(
        connection: &Connection,
        database: &Path,
        (bytes_max, wal_bytes_max): (u64, u64),
        metrics: Arc<StoreMetrics>,
    ) -> rusqlite::Result<Self> {
        let page_bytes = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let mut size = Self {
            database: database.to_owned(),
            bytes_max,
            page_bytes,
            pages_max: bytes_max / page_bytes,
            is_disk_limited: false,
            file_pages: 0,
            used_pages: 0,
            refreshed: None,
            metrics,
        };
        size.measure(connection)?;
        size.refresh_limit(connection, wal_bytes_max)?;
        Ok(size)
    }

    /// Reads the current size of the database.
    pub(super) fn measure(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let count = |pragma: &str| -> rusqlite::Result<u64> {
            connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))
        };
        self.file_pages = count("PRAGMA page_count")?;
        self.used_pages = self.file_pages.saturating_sub(count("PRAGMA freelist_count")?);
        self.metrics.used_bytes.set(self.gauge(self.used_pages));
        Ok(())
    }

    /// Makes the next [`Self::refresh_limit`] query the file system at once.
    pub(super) fn refresh_soon(&mut self) {
        self.refreshed = None;
    }

    /// Computes the limit from the file system's free space and applies it to the connection. Does
    /// nothing within [`REFRESH_INTERVAL`] of the last time. `wal_available_bytes` is how much the
    /// WAL may still grow.
    pub(super) fn refresh_limit(
        &mut self,
        connection: &Connection,
        wal_available_bytes: u64,
    ) -> rusqlite::Result<()> {
        if self.refreshed.is_some_and(|refreshed| refreshed.elapsed() < REFRESH_INTERVAL) {
            return Ok(());
        }
        self.refreshed = Some(Instant::now());
        let folder = self.database.parent().unwrap_or(&self.database);
        // If the file system's size is unknown, only the operator's bound applies.
        let available = FileSystem::of(folder).map_or(u64::MAX, FileSystem::available_bytes);
        let available = available.saturating_sub(wal_available_bytes);
        let bytes = |suffix| fs::metadata(beside(&self.database, suffix)).map_or(0, |m| m.len());
        let database_bytes = bytes("");
        let possible = database_bytes.saturating_add(available).min(self.bytes_max);
        self.pages_max = possible / self.page_bytes;
        self.is_disk_limited = possible < self.bytes_max;
        self.set_page_limit(connection, self.pages_max)?;
        let file_bytes = database_bytes + bytes("-wal") + bytes("-shm");
        self.metrics.file_bytes.set(i64::try_from(file_bytes).unwrap_or(i64::MAX));
        self.metrics.max_bytes.set(self.gauge(self.pages_max));
        Ok(())
    }

    /// Grants [`EVICTION_PAGES`] beyond the limit while eviction runs, or takes them back.
    pub(super) fn set_eviction_reserve(
        &self,
        connection: &Connection,
        is_evicting: bool,
    ) -> rusqlite::Result<()> {
        let reserve = if is_evicting { EVICTION_PAGES } else { 0 };
        self.set_page_limit(connection, self.pages_max + reserve)
    }

    /// Returns the pages in use at the last measurement.
    pub(super) fn used_pages(&self) -> u64 {
        self.used_pages
    }

    /// Returns whether eviction has to start.
    pub(super) fn must_evict(&self) -> bool {
        let floor_bytes = if self.is_disk_limited { DISK_FLOOR_BYTES } else { 0 };
        self.used_pages > self.pages_max.saturating_sub(self.headroom_pages())
            && self.bytes(self.used_pages) >= floor_bytes
    }

    /// Returns whether eviction may stop.
    pub(super) fn has_headroom(&self) -> bool {
        self.used_pages <= self.pages_max.saturating_sub(2 * self.headroom_pages())
    }

    /// Returns whether too few pages are left for a long message.
    pub(super) fn is_full(&self) -> bool {
        self.used_pages + MESSAGE_PAGES > self.pages_max.max(self.file_pages)
    }

    /// Converts pages to bytes.
    pub(super) fn bytes(&self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes)
    }

    fn headroom_pages(&self) -> u64 {
        let least = (HEADROOM_BYTES_MIN / self.page_bytes).min(self.pages_max / 4);
        (self.pages_max / HEADROOM_SHARE).max(least)
    }

    fn set_page_limit(&self, connection: &Connection, pages: u64) -> rusqlite::Result<()> {
        // SQLite treats 0 as a query of the limit, and cannot represent more than u32::MAX - 1.
        let pages = pages.clamp(1, u64::from(u32::MAX - 1));
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
    }

    fn gauge(&self, pages: u64) -> i64 {
        i64::try_from(self.bytes(pages)).unwrap_or(i64::MAX)
    }
}
