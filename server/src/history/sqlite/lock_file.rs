//! The file `xmeet.lock`. A server that uses the data directory holds a lock on it. Its text describes
//! the latest start, including the number of starts: a database restored from a backup is recognised
//! by its lower number.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::SyncMode;
use super::error::OpenError;
use super::files::{FILE_MODE, open_usable};

/// The file's name in the data directory.
pub(super) const LOCK_FILE: &str = "xmeet.lock";

/// Permissions of a new data directory: only the server's own user.
const FOLDER_MODE: u32 = 0o700;

/// Linux provides a random id per boot here.
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// Longer boot ids are ignored, in bytes.
const BOOT_ID_BYTES_MAX: usize = 64;

/// Length of the text without its newline, in bytes. It is constant, so that a crash during a write
/// cannot leave the end of an older, longer text.
const TEXT_BYTES: usize = 191;

/// The file is read up to this length, in bytes.
const READ_BYTES_MAX: u64 = 4096;

/// The latest start, as recorded in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LatestStart {
    /// How often the directory has been opened.
    pub(super) count: u64,
    /// `None` if an older server wrote the file.
    pub(super) run: Option<Run>,
}

/// One run of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The boot id of the machine; `None` if the system does not provide it.
    pub(super) boot: Option<String>,
    /// Whether its commits waited for the disk.
    pub(super) sync: SyncMode,
    /// Whether it ended with every message on the disk.
    pub(super) is_clean: bool,
}

impl LatestStart {
    /// Returns whether delivered messages may be missing, given the machine's current boot id. They
    /// are lost if the machine crashed before they reached the disk. A crash of the process alone
    /// loses nothing.
    pub(super) fn may_have_lost_messages(&self, boot: Option<&str>) -> bool {
        let Some(run) = &self.run else { return true };
        let is_same_boot = boot.is_some() && run.boot.as_deref() == boot;
        !run.is_clean && run.sync != SyncMode::Full && !is_same_boot
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let count = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        let value = |key| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim)
        };
        let sync = match value("sync") {
            Some("normal") => Some(SyncMode::Normal),
            Some("full") => Some(SyncMode::Full),
            _ => None,
        };
        let is_clean = match value("end") {
            Some("clean") => Some(true),
            Some("none") => Some(false),
            _ => None,
        };
        let boot = value("boot").filter(|boot| *boot != "unknown").map(str::to_owned);
        let run = sync.zip(is_clean).map(|(sync, is_clean)| Run { boot, sync, is_clean });
        Self { count, run }
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.count);
        if let Some(Run { boot, sync, is_clean }) = &self.run {
            let sync = if *sync == SyncMode::Full { "full" } else { "normal" };
            let boot = boot.as_deref().unwrap_or("unknown");
            let end = if *is_clean { "clean" } else { "none" };
            text.push_str(&format!("sync {sync}\nboot {boot}\nend {end}\n"));
        }
        format!("{text:<TEXT_BYTES$}\n")
    }
}

/// The locked file. Dropping it releases the directory.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    pub(super) latest: LatestStart,
}

impl LockFile {
    /// Locks a directory, creating it if it does not exist, and reads the latest start.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another server holds the lock.
    pub(super) fn lock(folder: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::folder(folder, source);
        if let Some(above) = folder.parent() {
            fs::create_dir_all(above).map_err(unusable)?;
        }
        // The directory contains chat messages, so other users must not read it.
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(unusable)?;
        open_usable(&folder.join(LOCK_FILE))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(FILE_MODE);
        let mut file = options.open(folder.join(LOCK_FILE)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: folder.display().to_string() });
            }
            Err(fs::TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // Directory entries must survive a power failure too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
        if let Some(above) = folder.parent().and_then(|above| File::open(above).ok()) {
            // Some file systems cannot sync a directory, and the parent has usually existed for long.
            let _ = above.sync_all();
        }
        let mut bytes = Vec::new();
        (&mut file).take(READ_BYTES_MAX).read_to_end(&mut bytes).map_err(unusable)?;
        let latest = LatestStart::parse(&String::from_utf8_lossy(&bytes));
        Ok(Self { file, latest })
    }

    /// Records a start and syncs it to disk.
    pub(super) fn write(&mut self, latest: LatestStart) -> io::Result<()> {
        let text = latest.to_text();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_all()?;
        self.latest = latest;
        Ok(())
    }

    /// Records that the run ended with every message on the disk. Nothing may be stored after this.
    pub(super) fn mark_clean(&mut self) -> io::Result<()> {
        let mut latest = self.latest.clone();
        if let Some(run) = &mut latest.run {
            run.is_clean = true;
        }
        self.write(latest)
    }
}

/// Returns whether a server holds the directory's lock.
pub(super) fn is_locked(folder: &Path) -> io::Result<bool> {
    match File::open(folder.join(LOCK_FILE)) {
        Ok(lock) => Ok(matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the machine's boot id; `None` if the system does not provide it.
pub(super) fn boot_id() -> Option<String> {
    let id = fs::read_to_string(BOOT_ID_PATH).ok()?.trim().to_owned();
    let is_word = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    (is_word && id.len() <= BOOT_ID_BYTES_MAX).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_has_a_constant_length() {
        for boot in [None, Some("3e19f4a2-8f0b-4d0e-9df1-6f1c0d1a7b52".to_owned())] {
            for sync in [SyncMode::Normal, SyncMode::Full] {
                for is_clean in [false, true] {
                    let run = Some(Run { boot: boot.clone(), sync, is_clean });
                    let latest = LatestStart { count: u64::MAX, run };
                    assert_eq!(latest.to_text().len(), TEXT_BYTES + 1);
                    assert_eq!(LatestStart::parse(&latest.to_text()), latest);
                }
            }
        }
    }

    #[test]
    fn text_of_an_older_server_has_no_run() {
        for (text, count) in [("", 0), ("7\n", 7), ("what is this?\nsync full\n", 0)] {
            assert_eq!(LatestStart::parse(text), LatestStart { count, run: None }, "{text:?}");
        }
    }

    #[test]
    fn longest_boot_id_fits_the_text() {
        let run = Run {
            boot: Some("b".repeat(BOOT_ID_BYTES_MAX)),
            sync: SyncMode::Normal,
            is_clean: true,
        };
        let latest = LatestStart { count: u64::MAX, run: Some(run) };
        assert_eq!(latest.to_text().len(), TEXT_BYTES + 1);
    }

    #[test]
    fn messages_may_be_lost_only_after_a_machine_crash_without_full_sync() {
        let start = |boot: Option<&str>, sync, is_clean| LatestStart {
            count: 1,
            run: Some(Run { boot: boot.map(str::to_owned), sync, is_clean }),
        };
        use SyncMode::{Full, Normal};
        for (latest, boot_now, expected) in [
            (start(Some("a"), Normal, false), Some("a"), false),
            (start(Some("a"), Normal, false), Some("b"), true),
            (start(Some("a"), Normal, false), None, true),
            (start(None, Normal, false), Some("a"), true),
            (start(None, Normal, false), None, true),
            (start(Some("a"), Normal, true), Some("b"), false),
            (start(None, Normal, true), None, false),
            (start(Some("a"), Full, false), Some("b"), false),
            (start(None, Full, false), None, false),
            (LatestStart { count: 1, run: None }, Some("a"), true),
        ] {
            assert_eq!(
                latest.may_have_lost_messages(boot_now),
                expected,
                "{latest:?} {boot_now:?}"
            );
        }
    }

    #[test]
    fn boot_id_is_stable() {
        let id = boot_id();
        assert_eq!(id, boot_id());
        assert!(id.is_some() || !cfg!(target_os = "linux"));
    }
}
