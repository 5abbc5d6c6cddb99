//! A SQLite file system for tests. It forwards every call to one of SQLite's own file systems and records
//! writes and syncs. A test can then construct every state of the files that a power failure might leave
//! ([`Recording::image`]). It can also make reads fail.
//!
//! The model of a power failure: data written before the last sync of its file is on the disk. A later
//! write or change of length is on the disk completely, not at all, or in single sectors.

mod image;
mod vfs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use image::{Image, Loss};

/// A change of a file.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { length: u64 },
    Delete,
}

/// One entry of a recording.
#[derive(Debug, Clone)]
enum Step {
    Change {
        file: PathBuf,
        change: Change,
    },
    /// All earlier changes of the file are on the disk.
    Sync {
        file: PathBuf,
    },
    /// All earlier deletions are on the disk.
    SyncFolder,
    /// The content of a file that SQLite does not write, on the disk.
    Put {
        file: PathBuf,
        bytes: Vec<u8>,
    },
    Mark(u64),
}

/// A recording SQLite file system.
#[derive(Debug)]
pub struct FaultFs {
    name: &'static str,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: Mutex<Vec<Step>>,
    is_failing_reads: AtomicBool,
}

impl State {
    fn steps(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultFs {
    /// Registers a file system that forwards to SQLite's file system `below`. It gets a new name and
    /// stays registered until the process ends.
    ///
    /// # Panics
    /// If SQLite has no file system named `below`.
    #[must_use]
    pub fn above(below: &str) -> Self {
        let state = Arc::<State>::default();
        Self { name: vfs::register(below, Arc::clone(&state)), state }
    }

    /// Returns the name under which SQLite can open a database in it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Records the current content of a file that SQLite does not write, as being on the disk.
    ///
    /// # Panics
    /// If the file cannot be read.
    pub fn put(&self, path: &Path) {
        let bytes = std::fs::read(path).expect("the file can be read");
        self.state.steps().push(Step::Put { file: path.to_owned(), bytes });
    }

    /// Records a mark, for [`Recording::mark_at`].
    pub fn mark(&self, mark: u64) {
        self.state.steps().push(Step::Mark(mark));
    }

    /// Makes all reads of databases and logs fail with an input/output error, or succeed again.
    pub fn fail_reads(&self, fails: bool) {
        self.state.is_failing_reads.store(fails, Ordering::SeqCst);
    }

    /// Returns a copy of the recording so far.
    #[must_use]
    pub fn recording(&self) -> Recording {
        Recording { steps: self.state.steps().clone() }
    }
}

/// The changes, syncs and marks in a file system, in order.
#[derive(Debug, Clone)]
pub struct Recording {
    steps: Vec<Step>,
}

impl Recording {
    /// Returns the moments at which the outcome of a power failure changes: the start, and the end of each
    /// change, sync and put.
    pub fn moments(&self) -> impl Iterator<Item = usize> {
        let is_moment = |step: &Step| !matches!(step, Step::Mark(_));
        let after = self.steps.iter().enumerate();
        let after = after.filter(move |(_, step)| is_moment(step)).map(|(at, _)| at + 1);
        std::iter::once(0).chain(after)
    }

    /// Returns the last mark before a moment.
    #[must_use]
    pub fn mark_at(&self, moment: usize) -> Option<u64> {
        let marks = self.steps[..moment].iter().rev();
        marks
            .into_iter()
            .find_map(|step| if let Step::Mark(mark) = step { Some(*mark) } else { None })
    }

    /// Returns the files that a power failure at a moment leaves.
    #[must_use]
    pub fn image(&self, moment: usize, loss: Loss) -> Image {
        image::after_power_failure(&self.steps[..moment], loss)
    }

    /// Returns the number of syncs of files whose name ends with `suffix`.
    #[must_use]
    pub fn syncs(&self, suffix: &str) -> usize {
        let has_suffix =
            |file: &Path| file.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes());
        let syncs = self.steps.iter();
        syncs.filter(|step| matches!(step, Step::Sync { file } if has_suffix(file))).count()
    }
}

/// The content of files, by path.
type Files = BTreeMap<PathBuf, Vec<u8>>;
