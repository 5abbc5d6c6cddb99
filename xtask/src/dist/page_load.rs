//! The bytes of the web client: the files that must load before one can read and type, and the rest.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Workspace;
use crate::process::say;

/// The page of a room, from which everything else is loaded.
const PAGE: &str = "/room/index.html";

/// The most that may load first, in bytes of brotli.
const FIRST_BYTES_MAX: u64 = 200_000;

/// A file of the client, with its size as it is and as brotli, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct File<'a> {
    path: &'a str,
    plain: u64,
    brotli: u64,
}

/// Prints the sizes of all files that the last build of the server included.
pub(super) fn print(workspace: &Workspace) -> Result<()> {
    let table = newest_table(workspace).context("the server's build left no table of files")?;
    let table =
        fs::read_to_string(&table).with_context(|| format!("cannot read {}", table.display()))?;
    let page = fs::read_to_string(workspace.web_dist().join("index.html"))
        .context("cannot read the page")?;
    let (first, later) = split(parse(&table), &page);
    for file in &first {
        say(&format!("  {}: {} bytes, as brotli {}", file.path, file.plain, file.brotli));
    }
    let (plain, brotli) = sum(&first);
    say(&format!("must load first: {plain} bytes, as brotli {brotli} (at most {FIRST_BYTES_MAX})"));
    let (plain, brotli) = sum(&later);
    say(&format!("loads later, if at all: {plain} bytes, as brotli {brotli}"));
    if sum(&first).1 > FIRST_BYTES_MAX {
        say("warning: too much must load first");
    }
    Ok(())
}

/// Each build of the server with other features or another profile has a folder of its own.
fn newest_table(workspace: &Workspace) -> Option<PathBuf> {
    let builds = fs::read_dir(workspace.target.join("release/build")).ok()?;
    let tables = builds.flatten().map(|build| build.path().join("out/assets.tsv"));
    let dated =
        tables.filter_map(|table| Some((fs::metadata(&table).ok()?.modified().ok()?, table)));
    dated.max().map(|(_, table)| table)
}

fn parse(table: &str) -> Vec<File<'_>> {
    let file = |line| {
        let mut fields = str::split(line, '\t');
        let path = fields.next()?;
        let mut bytes = || fields.next()?.parse().ok();
        Some(File { path, plain: bytes()?, brotli: bytes()? })
    };
    table.lines().filter_map(file).collect()
}

/// Splits the files into the page with the scripts, styles and program that it names, and the others.
/// The front page is left out: it is the page of a room but for a few bytes.
fn split<'a>(files: Vec<File<'a>>, page: &str) -> (Vec<File<'a>>, Vec<File<'a>>) {
    let is_first = |file: &File| {
        let is_code = [".js", ".css", ".wasm"].iter().any(|kind| file.path.ends_with(kind));
        file.path == PAGE || is_code && page.contains(&format!("\".{}\"", file.path))
    };
    let others = files.into_iter().filter(|file| file.path != "/index.html");
    others.partition(is_first)
}

fn sum(files: &[File]) -> (u64, u64) {
    files.iter().fold((0, 0), |(plain, brotli), file| (plain + file.plain, brotli + file.brotli))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_the_page_names_load_first() {
        let table = "/a-1.js\t10\t5\n/icon.svg\t7\t6\n/index.html\t8\t4\n/room/index.html\t9\t4\n\
                     /sw.js\t3\t2\n";
        let page = "<link href=\"./icon.svg\"><script src=\"./a-1.js\"></script>";
        let (first, later) = split(parse(table), page);
        assert_eq!(first.iter().map(|file| file.path).collect::<Vec<_>>(), ["/a-1.js", PAGE]);
        assert_eq!(sum(&first), (19, 9));
        assert_eq!(sum(&later), (10, 8));
    }
}
