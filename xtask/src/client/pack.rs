//! Packs what trunk built for the wire: one style sheet instead of many, everything smaller, and the
//! service worker told which version it keeps. `trunk serve` does without.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::squeeze;
use crate::stamp;

/// What stands in the service worker where the version belongs.
const VERSION: &str = "xmeet-VERSION";

/// Packs the client in `dist`.
pub(super) fn pack(dist: &Path) -> Result<()> {
    let page_path = dist.join("index.html");
    let (mut page, sheets) = without_sheets(&read(&page_path)?);
    ensure!(!sheets.is_empty(), "{} names no style sheet", page_path.display());
    let mut css = String::new();
    for sheet in &sheets {
        css.push_str(&read(&dist.join(sheet))?);
        remove(&dist.join(sheet))?;
    }
    let css = squeeze::css(&css);
    let name = format!("styles-{}.css", stamp::digest_texts([css.as_str()]));
    write(&dist.join(&name), &css)?;
    let link = format!("<link rel=\"stylesheet\" href=\"/{name}\">\n  </head>");
    page = page.replacen("</head>", &link, 1);
    write(&page_path, &page)?;
    for script in hashed_scripts(&page) {
        let path = dist.join(script);
        let mut text = squeeze::js(&read(&path)?);
        let program = dist.join(script.replace(".js", "_bg.wasm"));
        if program.exists() {
            let mut bytes = fs::read(&program).context("cannot read the compiled client")?;
            text = squeeze::names(&text, &mut bytes);
            fs::write(&program, bytes).context("cannot write the compiled client")?;
        }
        write(&path, &text)?;
    }
    let worker = dist.join("sw.js");
    let told = read(&worker)?;
    ensure!(told.contains(VERSION), "the service worker has no place for its version");
    let version = format!("xmeet-{}", stamp::digest_texts([page.as_str()]));
    write(&worker, &told.replace(VERSION, &version))
}

/// A page without its links to style sheets, and the files they name, in order.
fn without_sheets(page: &str) -> (String, Vec<String>) {
    let mut sheets = Vec::new();
    let mut kept = String::new();
    for line in page.split_inclusive('\n') {
        match line.trim_start().strip_prefix("<link rel=\"stylesheet\" href=\"/") {
            Some(rest) => sheets.extend(rest.split('"').next().map(str::to_owned)),
            None => kept.push_str(line),
        }
    }
    (kept, sheets)
}

/// The scripts that a page names, each once.
fn hashed_scripts(page: &str) -> Vec<&str> {
    let quoted = page.split(['"', '\'']).filter_map(|text| text.strip_prefix('/'));
    let mut scripts: Vec<_> = quoted.filter(|text| text.ends_with(".js")).collect();
    scripts.sort_unstable();
    scripts.dedup();
    scripts
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_leave_the_page_in_their_order() {
        let page = "<head>\n  <link rel=\"icon\" href=\"/i.svg\"/>\n  \
                    <link rel=\"stylesheet\" href=\"/b-1.css\"/>\n  \
                    <link rel=\"stylesheet\" href=\"/a-2.css\" integrity=\"x\"/>\n</head>\n";
        let (kept, sheets) = without_sheets(page);
        assert_eq!(kept, "<head>\n  <link rel=\"icon\" href=\"/i.svg\"/>\n</head>\n");
        assert_eq!(sheets, ["b-1.css", "a-2.css"]);
    }

    #[test]
    fn scripts_are_found_wherever_they_are_named() {
        let page = "<script src=\"/boot-1.js\"></script>import init from '/web-2.js';\
                    <link href=\"/web-2.js\"><link href=\"/a.css\">";
        assert_eq!(hashed_scripts(page), ["boot-1.js", "web-2.js"]);
    }
}
