//! Eviction keeps the store within its limit: it removes the least recently used closed rooms.
//!
//! It runs on the writer's thread between transactions, and frees more than was added since its last
//! run, so that writers cannot outrun it. One transaction deletes a room's row, and from then on the
//! room is gone. Later transactions delete its remaining messages in small steps.
//!
//! If every room is open, eviction trims the oldest messages of the largest rooms instead. [`steps`] has
//! the transactions.

mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::append::Appender;
use super::largest::{LargestSearch, Trim};
use super::leases::{Hour, Leases};
use super::store_size::StoreSize;
use crate::metrics::StoreMetrics;

/// Bytes of messages that may be written before the size is measured again.
const UNMEASURED_BYTES_MAX: usize = 256 * 1024;

/// Last uses of rooms that one transaction writes.
const STEP_USES_MAX: usize = 256;

/// Steps per run. In rooms of few short messages a step frees few pages, so with fewer steps clients
/// who create many rooms would outrun eviction.
const RUN_STEPS_MAX: usize = 64;

/// Time between two runs while nothing is written.
pub(super) const RUN_INTERVAL: Duration = Duration::from_millis(5);

/// Time until eviction starts again after it found nothing to remove.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The outcome of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The step removed something.
    Removed,
    /// The search for something to remove is not complete.
    Searched,
    /// There is nothing to remove.
    Nothing,
}

/// Measures the store for the writer, and evicts.
#[derive(Debug)]
pub(super) struct Evictor {
    size: StoreSize,
    leases: Arc<Leases>,
    metrics: Arc<StoreMetrics>,
    /// Estimated bytes that were written since the last run.
    unmeasured_bytes: usize,
    /// Pages in use at the end of the last run.
    last_used_pages: u64,
    is_evicting: bool,
    /// The last candidate that was examined, in the order of use.
    position: (Hour, i64),
    search: Option<LargestSearch>,
    /// Trims that the last search found, the largest room last.
    trims: Vec<Trim>,
    /// Eviction does not start before this time, because there was nothing to remove.
    search_at: Option<Instant>,
    totals: Totals,
}

/// What an eviction has removed so far.
#[derive(Debug, Default)]
struct Totals {
    rooms: u64,
    messages: u64,
    /// Whether messages of open rooms were removed.
    has_trimmed: bool,
}

impl Evictor {
    /// Creates an evictor, which first completes an eviction that a crash interrupted.
    pub(super) fn new(
        connection: &Connection,
        size: StoreSize,
        leases: Arc<Leases>,
        metrics: Arc<StoreMetrics>,
    ) -> rusqlite::Result<Self> {
        let is_evicting = next_evicted(connection)?.is_some();
        Ok(Self {
            last_used_pages: size.used_pages(),
            size,
            leases,
            metrics,
            unmeasured_bytes: UNMEASURED_BYTES_MAX,
            is_evicting,
            position: (Hour::MIN, 0),
            search: None,
            trims: Vec::new(),
            search_at: None,
            totals: Totals::default(),
        })
    }

    /// Records an estimate of how many bytes were written.
    pub(super) fn add_written(&mut self, bytes: usize) {
        self.unmeasured_bytes = self.unmeasured_bytes.saturating_add(bytes);
    }

    /// Makes a run due, however little was written.
    pub(super) fn request_run(&mut self) {
        self.unmeasured_bytes = UNMEASURED_BYTES_MAX;
    }

    /// Makes a run due that also queries the file system's free space. Call it after a failed write.
    pub(super) fn request_refresh(&mut self) {
        self.request_run();
        self.size.refresh_soon();
    }

    /// Returns whether [`Self::run`] has something to do.
    pub(super) fn is_due(&self) -> bool {
        self.is_evicting || self.unmeasured_bytes >= UNMEASURED_BYTES_MAX
    }

    /// Stops evicting for [`SEARCH_INTERVAL`], after an error.
    pub(super) fn pause(&mut self) {
        self.is_evicting = false;
        self.search_at = Some(Instant::now() + SEARCH_INTERVAL);
    }

    /// Returns whether an eviction has started and is not complete.
    pub(super) fn is_evicting(&self) -> bool {
        self.is_evicting
    }

    /// Returns whether nothing more can be stored.
    pub(super) fn is_full(&self) -> bool {
        self.size.is_full()
    }

    /// Measures the store. If it is too large, evicts until it has freed twice as much as was added
    /// since the last run, or until a limit on the run's duration is reached.
    ///
    /// # Errors
    /// If a statement fails. The caller must roll the transaction back.
    pub(super) fn run(
        &mut self,
        connection: &Connection,
        appender: &mut Appender,
        wal_available_bytes: u64,
    ) -> rusqlite::Result<()> {
        self.unmeasured_bytes = 0;
        self.size.measure(connection)?;
        self.size.refresh_limit(connection, wal_available_bytes)?;
        self.write_last_uses(connection, STEP_USES_MAX)?;
        let start_pages = self.size.used_pages();
        let added_pages = start_pages.saturating_sub(self.last_used_pages);
        let may_search = self.search_at.is_none_or(|at| Instant::now() >= at);
        if !self.is_evicting && self.size.must_evict() && may_search {
            self.is_evicting = true;
            self.position = (Hour::MIN, 0);
        }
        if self.is_evicting {
            self.size.set_eviction_reserve(connection, true)?;
            let target_pages = start_pages.saturating_sub(2 * added_pages);
            let outcome = self.run_steps(connection, appender, target_pages);
            self.size.set_eviction_reserve(connection, false)?;
            outcome?;
        }
        self.last_used_pages = self.size.used_pages();
        Ok(())
    }

    /// Runs steps until the store has at most `target_pages`, eviction is complete, or writers have
    /// waited long enough.
    fn run_steps(
        &mut self,
        connection: &Connection,
        appender: &mut Appender,
        target_pages: u64,
    ) -> rusqlite::Result<()> {
        for _ in 0..RUN_STEPS_MAX {
            let step = self.step(connection, appender)?;
            self.size.measure(connection)?;
            match step {
                Step::Removed => {}
                Step::Searched => return Ok(()),
                Step::Nothing => {
                    self.search_at = Some(Instant::now() + SEARCH_INTERVAL);
                    self.end("nothing more can be removed");
                    return Ok(());
                }
            }
            // The messages of an evicted room are all deleted, even if there is enough room before.
            if self.size.has_headroom() && next_evicted(connection)?.is_none() {
                self.search_at = None;
                self.end("there is room again");
                return Ok(());
            }
            if self.size.used_pages() <= target_pages {
                break;
            }
        }
        Ok(())
    }

    /// Removes something: first the rest of evicted rooms, then closed rooms, then messages of open
    /// rooms.
    fn step(&mut self, connection: &Connection, appender: &mut Appender) -> rusqlite::Result<Step> {
        if self.remove_evicted_messages(connection)? {
            return Ok(Step::Removed);
        }
        match self.evict_rooms(connection, appender)? {
            Step::Nothing => self.trim_largest(connection, appender),
            step => Ok(step),
        }
    }

    fn count(&mut self, rooms: u64, messages: u64) {
        self.totals.rooms += rooms;
        self.totals.messages += messages;
        self.metrics.evicted_rooms.inc_by(rooms);
        self.metrics.evicted_messages.inc_by(messages);
    }

    /// Ends this eviction and logs what it removed.
    fn end(&mut self, outcome: &str) {
        self.is_evicting = false;
        // Room sizes change, so the next eviction searches again.
        self.search = None;
        self.trims = Vec::new();
        let Totals { rooms, messages, has_trimmed } = std::mem::take(&mut self.totals);
        if rooms == 0 && messages == 0 {
            return;
        }
        let used_bytes = self.size.bytes(self.size.used_pages());
        if has_trimmed {
            tracing::warn!(
                rooms,
                messages,
                used_bytes,
                outcome,
                "the store is full and every room is open: old messages were removed"
            );
        } else {
            tracing::info!(rooms, messages, used_bytes, outcome, "unused rooms were evicted");
        }
    }
}

/// Returns the row of an evicted room that still has messages.
fn next_evicted(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut first = connection.prepare_cached("SELECT room FROM evicted LIMIT 1")?;
    first.query_row([], |row| row.get(0)).optional()
}
