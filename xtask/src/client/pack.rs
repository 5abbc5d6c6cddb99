//! Packs what trunk built for the wire: one style sheet instead of many, everything smaller, no script
//! within the page, files named from where the page stands, and the service worker told which
//! version it keeps. `trunk serve` does without.

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
    let (page, starting) = with_starting_script(&page)?;
    let page = relative(&page);
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
        if script == starting {
            text.push_str(&start(script));
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

/// The script within a page, as trunk begins it, up to the file that it starts.
const INLINE: &str = "<script type=\"module\">\nimport init from '/";

/// A page that has the client's own script start the client instead of one that stands in the page,
/// which browsers are told not to run (Content Security Policy); and that script's name.
fn with_starting_script(page: &str) -> Result<(String, String)> {
    let parts = page.split_once(INLINE).and_then(|(before, inline)| {
        let (inline, behind) = inline.split_once("</script>")?;
        Some((before, inline.split_once('\'')?.0, behind))
    });
    let (before, script, behind) = parts.context("the page starts no client as trunk's do")?;
    let page = format!("{before}<script type=\"module\" src=\"/{script}\"></script>{behind}");
    Ok((page, script.to_owned()))
}

/// What starts the client, at the end of its script: as in trunk's page, but from where the script
/// lies.
fn start(script: &str) -> String {
    let program = script.replace(".js", "_bg.wasm");
    format!(
        "\n{{\nconst program = new URL('./{program}', import.meta.url);\n\
         const wasm = await __wbg_init({{ module_or_path: program }});\n\
         dispatchEvent(new CustomEvent(\"TrunkApplicationStarted\", {{ detail: {{ wasm }} }}));\n}}\n"
    )
}

/// A page that names its files as they lie beside it: what stands before its address is known to
/// proxies and browsers only.
fn relative(page: &str) -> String {
    page.replace("=\"/", "=\"./")
}

/// The scripts that a page names, each once.
fn hashed_scripts(page: &str) -> Vec<&str> {
    let quoted = page.split(['"', '\'']).filter_map(|text| text.strip_prefix("./"));
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
        let page = "<script src=\"./boot-1.js\"></script><script src=\"./web-2.js\"></script>\
                    <link href=\"./web-2.js\"><link href=\"./a.css\">";
        assert_eq!(hashed_scripts(page), ["boot-1.js", "web-2.js"]);
    }

    #[test]
    fn no_script_stands_in_the_page() {
        let page = "<a href=\"/\"></a>\n<script type=\"module\">\nimport init from '/web-2.js';\n\
                    const wasm = await init({ module_or_path: '/web-2_bg.wasm' });\n</script>\n\
                    <link rel=\"modulepreload\" href=\"/web-2.js\">";
        let (page, script) = with_starting_script(page).unwrap();
        assert_eq!(script, "web-2.js");
        assert_eq!(
            relative(&page),
            "<a href=\"./\"></a>\n<script type=\"module\" src=\"./web-2.js\"></script>\n\
             <link rel=\"modulepreload\" href=\"./web-2.js\">"
        );
        assert!(start(&script).contains("new URL('./web-2_bg.wasm', import.meta.url)"));
        assert!(with_starting_script("<script type=\"module\">x()</script>").is_err());
    }
}
