//! Computes the files that a power failure leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Change, Files, Step};

/// The loss of unsynced changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All unsynced changes are lost.
    All,
    /// No change is lost, as in a crash of the process.
    Nothing,
    /// A random choice of changes is lost.
    Some { seed: u64 },
    /// A random choice of sectors of each write is lost.
    Torn {
        seed: u64,
        /// Size of an atomic write of the disk, in bytes.
        sector_bytes: usize,
    },
}

/// The files that a power failure leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    files: Files,
}

impl Image {
    /// Writes the files into a folder, under their own names.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_into(&self, folder: &Path) -> io::Result<()> {
        for (path, bytes) in &self.files {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// Returns the content of a file, by its name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        let found = self.files.iter().find(|(path, _)| path.file_name().is_some_and(|n| n == name));
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// Returns the files after a power failure that follows the steps.
pub(super) fn after_power_failure(steps: &[Step], loss: Loss) -> Image {
    let mut files = Files::new();
    let mut pending: BTreeMap<&PathBuf, Vec<&Change>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Change { file, change } => pending.entry(file).or_default().push(change),
            Step::Sync { file } => {
                for change in pending.remove(file).unwrap_or_default() {
                    apply(&mut files, file, change);
                }
            }
            Step::SyncFolder => {
                for (file, changes) in &mut pending {
                    // A synced deletion also removes everything written before it.
                    let removal = changes.iter().rposition(|c| matches!(c, Change::Delete));
                    if let Some(at) = removal {
                        changes.drain(..=at);
                        files.remove(*file);
                    }
                }
            }
            Step::Put { file, bytes } => {
                files.insert(file.clone(), bytes.clone());
            }
            Step::Mark(_) => {}
        }
    }
    let mut survival = Survival::new(loss);
    for (file, changes) in pending {
        for change in changes {
            for part in survival.surviving(change) {
                apply(&mut files, file, &part);
            }
        }
    }
    Image { files }
}

/// Decides which part of each change survives.
struct Survival {
    loss: Loss,
    random: fastrand::Rng,
}

impl Survival {
    fn new(loss: Loss) -> Self {
        let seed = match loss {
            Loss::All | Loss::Nothing => 0,
            Loss::Some { seed } | Loss::Torn { seed, .. } => seed,
        };
        Self { loss, random: fastrand::Rng::with_seed(seed) }
    }

    fn surviving(&mut self, change: &Change) -> Vec<Change> {
        match (self.loss, change) {
            (Loss::All, _) => Vec::new(),
            (Loss::Nothing, _) => vec![change.clone()],
            (Loss::Torn { sector_bytes, .. }, Change::Write { offset, bytes }) => {
                let sectors = sectors(*offset, bytes, sector_bytes);
                sectors.into_iter().filter(|_| self.random.bool()).collect()
            }
            (Loss::Some { .. } | Loss::Torn { .. }, _) => {
                if self.random.bool() {
                    vec![change.clone()]
                } else {
                    Vec::new()
                }
            }
        }
    }
}

/// Splits a write at sector boundaries.
fn sectors(offset: u64, bytes: &[u8], sector_bytes: usize) -> Vec<Change> {
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begin = offset + at as u64;
        let into_sector = usize::try_from(begin % sector_bytes as u64).unwrap_or(0);
        let end = (at + sector_bytes - into_sector).min(bytes.len());
        parts.push(Change::Write { offset: begin, bytes: bytes[at..end].to_vec() });
        at = end;
    }
    parts
}

fn apply(files: &mut Files, file: &Path, change: &Change) {
    let length = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    match change {
        Change::Write { offset, bytes } => {
            let content = files.entry(file.to_owned()).or_default();
            let (begin, end) = (length(*offset), length(*offset) + bytes.len());
            if content.len() < end {
                content.resize(end, 0);
            }
            content[begin..end].copy_from_slice(bytes);
        }
        Change::Truncate { length: to } => {
            files.entry(file.to_owned()).or_default().resize(length(*to), 0);
        }
        Change::Delete => {
            files.remove(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, text: &str) -> Step {
        let change = Change::Write { offset, bytes: text.as_bytes().to_vec() };
        Step::Change { file: "f".into(), change }
    }

    fn left(steps: &[Step], loss: Loss) -> Option<String> {
        let image = after_power_failure(steps, loss);
        image.file("f").map(|bytes| String::from_utf8_lossy(bytes).replace('\0', "."))
    }

    #[test]
    fn synced_writes_survive_and_others_follow_the_loss() {
        let steps = [write(0, "aaaa"), Step::Sync { file: "f".into() }, write(2, "bbbb")];
        assert_eq!(left(&steps, Loss::All).as_deref(), Some("aaaa"));
        assert_eq!(left(&steps, Loss::Nothing).as_deref(), Some("aabbbb"));
        assert_eq!(left(&steps[..1], Loss::All), None);
        let seeded: Vec<_> = (0..20).map(|seed| left(&steps, Loss::Some { seed })).collect();
        assert!(seeded.contains(&Some("aaaa".to_owned())));
        assert!(seeded.contains(&Some("aabbbb".to_owned())));
    }

    #[test]
    fn torn_write_leaves_single_sectors() {
        let steps = [write(1, "abcdefg")];
        let seeded: Vec<_> =
            (0..64).filter_map(|seed| left(&steps, Loss::Torn { seed, sector_bytes: 4 })).collect();
        for expected in [".abc", "....defg", ".abcdefg"] {
            assert!(seeded.iter().any(|found| found == expected), "{expected}: {seeded:?}");
        }
    }

    #[test]
    fn deleted_file_may_return_until_its_deletion_is_synced() {
        let delete = Step::Change { file: "f".into(), change: Change::Delete };
        let steps = [write(0, "a"), Step::Sync { file: "f".into() }, delete, Step::SyncFolder];
        assert_eq!(left(&steps[..3], Loss::All).as_deref(), Some("a"));
        assert_eq!(left(&steps[..3], Loss::Nothing), None);
        assert_eq!(left(&steps, Loss::All), None);
    }
}
