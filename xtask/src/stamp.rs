//! Digests of files, by which an unchanged web client is not built again.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Digests the names and contents of files and folders below `root`. Contents rather than times,
/// so that a checkout, a copy or a clock does not matter. A missing entry counts as such.
///
/// Hidden files are left out: no build reads them, and editors write them all the time.
pub(crate) fn digest(root: &Path, entries: &[&str], skip: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for entry in entries {
        collect(&root.join(entry), skip, &mut files)?;
    }
    files.sort();
    let mut digest = Digest::default();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        digest.part(name.as_os_str().as_encoded_bytes());
        digest.part(&bytes);
    }
    Ok(digest.text())
}

/// Digests texts, such as the versions of tools.
pub(crate) fn digest_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Digest::default();
    for text in texts {
        digest.part(text.as_bytes());
    }
    digest.text()
}

fn collect(path: &Path, skip: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<()> {
    if skip.iter().any(|skipped| skipped == path) {
        return Ok(());
    }
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        let unreadable = || format!("cannot list {}", path.display());
        for entry in fs::read_dir(path).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                collect(&entry.path(), skip, files)?;
            }
        }
    }
    Ok(())
}

/// The standard library's hasher: 64 bits are plenty against accidents, and nobody attacks this.
#[derive(Default)]
struct Digest(std::hash::DefaultHasher);

impl Digest {
    /// Takes a part together with its length, so that no two lists of parts look alike.
    fn part(&mut self, bytes: &[u8]) {
        self.0.write_usize(bytes.len());
        self.0.write(bytes);
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for one test, gone when the test ends.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(folder.join("web/dist")).unwrap();
            let scratch = Self(folder);
            scratch.write("web/a.rs", "a");
            scratch.write("web/b.rs", "b");
            scratch.write("Cargo.lock", "lock");
            scratch
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join(name), text).unwrap();
        }

        fn digest(&self) -> String {
            digest(&self.0, &["web", "Cargo.lock"], &[self.0.join("web/dist")]).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_kind_of_change_shows() {
        let scratch = Scratch::new("changes");
        let mut seen = vec![scratch.digest()];
        scratch.write("web/a.rs", "A");
        seen.push(scratch.digest());
        scratch.write("web/c.rs", "");
        seen.push(scratch.digest());
        fs::remove_file(scratch.0.join("web/b.rs")).unwrap();
        seen.push(scratch.digest());
        fs::rename(scratch.0.join("web/c.rs"), scratch.0.join("web/d.rs")).unwrap();
        seen.push(scratch.digest());
        fs::remove_file(scratch.0.join("Cargo.lock")).unwrap();
        seen.push(scratch.digest());
        let different: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!(different.len(), seen.len(), "{seen:?}");
    }

    #[test]
    fn time_output_and_hidden_files_do_not_show() {
        let scratch = Scratch::new("same");
        let before = scratch.digest();
        scratch.write("web/a.rs", "a");
        scratch.write("web/dist/index.html", "built");
        scratch.write("web/.a.rs.swp", "editor");
        assert_eq!(scratch.digest(), before);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(digest_texts(["ab", "c"]), digest_texts(["a", "bc"]));
    }
}
