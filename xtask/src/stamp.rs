//! Digests of files. If the digest is unchanged, the web client is not built again.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Digests the names and contents of files and folders below `root`. Times do not count, so that a
/// checkout, a copy or a wrong clock changes nothing. Hidden files do not count either: no build reads
/// them, and editors write them often.
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
        digest.add(name.as_os_str().as_encoded_bytes());
        digest.add(&bytes);
    }
    Ok(digest.text())
}

/// Digests texts, such as the versions of tools.
pub(crate) fn digest_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Digest::default();
    for text in texts {
        digest.add(text.as_bytes());
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

/// A digest of 64 bits by the standard library's hasher. It detects changes, not attacks.
#[derive(Default)]
struct Digest(std::hash::DefaultHasher);

impl Digest {
    /// Adds a part and its length, so that different lists of parts have different digests.
    fn add(&mut self, bytes: &[u8]) {
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

    /// A folder that is removed at the end of its test.
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
    fn any_changed_added_or_renamed_file_changes_the_digest() {
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
    fn time_output_and_hidden_files_do_not_count() {
        let scratch = Scratch::new("same");
        let before = scratch.digest();
        scratch.write("web/a.rs", "a");
        scratch.write("web/dist/index.html", "built");
        scratch.write("web/.a.rs.swp", "editor");
        assert_eq!(scratch.digest(), before);
    }

    #[test]
    fn digest_depends_on_the_borders_of_texts() {
        assert_ne!(digest_texts(["ab", "c"]), digest_texts(["a", "bc"]));
    }
}
