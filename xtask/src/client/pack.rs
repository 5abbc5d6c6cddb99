//! Finishes the client that trunk built: joins the style sheets, moves the inline script into a file,
//! makes addresses relative, and gives the service worker its version. `trunk serve` skips this.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::process::{command, run};
use crate::stamp;

/// The placeholder of the version in the service worker.
const VERSION: &str = "xmeet-VERSION";

/// Finishes the client in `dist`. Without esbuild, nothing is minified.
pub(super) fn pack(dist: &Path, esbuild: Option<&Path>) -> Result<()> {
    let page_path = dist.join("index.html");
    let (mut page, sheets) = without_sheets(&read(&page_path)?);
    ensure!(!sheets.is_empty(), "{} names no style sheet", page_path.display());
    let mut css = String::new();
    for sheet in &sheets {
        css.push_str(&read(&dist.join(sheet))?);
        remove(&dist.join(sheet))?;
    }
    let name = format!("styles-{}.css", stamp::digest_texts([css.as_str()]));
    write(&dist.join(&name), &css)?;
    let link = format!("<link rel=\"stylesheet\" href=\"/{name}\">\n  </head>");
    page = page.replacen("</head>", &link, 1);
    let (page, script) = with_starting_script(&page)?;
    let page = with_relative_addresses(&page);
    write(&page_path, &page)?;
    let path = dist.join(&script);
    let text = read(&path)? + &starting_statements(&script);
    write(&path, &text)?;
    if let Some(esbuild) = esbuild {
        minify(esbuild, &dist.join(&name), &[])?;
        minify(esbuild, &path, &["--format=esm", "--target=esnext"])?;
        for script in classic_scripts(&page) {
            // A browser that is too old for the client must still run this script, which says so.
            minify(esbuild, &dist.join(script), &["--target=es5"])?;
        }
    }
    let worker = dist.join("sw.js");
    let text = read(&worker)?;
    ensure!(text.contains(VERSION), "the service worker lacks the placeholder {VERSION}");
    let version = format!("xmeet-{}", stamp::digest_texts([page.as_str()]));
    write(&worker, &text.replace(VERSION, &version))
}

/// Returns the page without its links to style sheets, and the names of these style sheets in order.
fn without_sheets(page: &str) -> (String, Vec<String>) {
    let mut sheets = Vec::new();
    let mut rest_of_page = String::new();
    for line in page.split_inclusive('\n') {
        match line.trim_start().strip_prefix("<link rel=\"stylesheet\" href=\"/") {
            Some(rest) => sheets.extend(rest.split('"').next().map(str::to_owned)),
            None => rest_of_page.push_str(line),
        }
    }
    (rest_of_page, sheets)
}

/// The start of trunk's inline script, up to the name of the file that it imports.
const INLINE: &str = "<script type=\"module\">\nimport init from '/";

/// Replaces the inline script by a reference to the client's own script. Returns the page and the name
/// of that script. The Content Security Policy forbids inline scripts.
fn with_starting_script(page: &str) -> Result<(String, String)> {
    let parts = page.split_once(INLINE).and_then(|(before, inline)| {
        let (inline, behind) = inline.split_once("</script>")?;
        Some((before, inline.split_once('\'')?.0, behind))
    });
    let (before, script, behind) = parts.context("the page has no start script of trunk")?;
    let page = format!("{before}<script type=\"module\" src=\"/{script}\"></script>{behind}");
    Ok((page, script.to_owned()))
}

/// Returns the statements that start the client, for the end of its script. They load the program from the
/// folder of the script, so the site may have any path.
fn starting_statements(script: &str) -> String {
    let program = script.replace(".js", "_bg.wasm");
    format!(
        "\n{{\nconst program = new URL('./{program}', import.meta.url);\n\
         const wasm = await __wbg_init({{ module_or_path: program }});\n\
         dispatchEvent(new CustomEvent(\"TrunkApplicationStarted\", {{ detail: {{ wasm }} }}));\n}}\n"
    )
}

/// Makes the page's addresses relative. Only proxies and browsers know the path of the site.
fn with_relative_addresses(page: &str) -> String {
    page.replace("=\"/", "=\"./")
}

/// Returns the names of the page's scripts that are not modules.
fn classic_scripts(page: &str) -> Vec<&str> {
    let sources = page.split("<script src=\"./").skip(1);
    sources.filter_map(|rest| rest.split('"').next()).collect()
}

/// Minifies a script or a style sheet in its place.
fn minify(esbuild: &Path, path: &Path, options: &[&str]) -> Result<()> {
    let mut command = command(esbuild);
    command.arg(path).args(["--minify", "--log-level=warning", "--allow-overwrite"]).args(options);
    let mut outfile = OsString::from("--outfile=");
    outfile.push(path);
    run(command.arg(outfile)).with_context(|| format!("cannot minify {}", path.display()))
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
    fn style_sheets_are_removed_in_order() {
        let page = "<head>\n  <link rel=\"icon\" href=\"/i.svg\"/>\n  \
                    <link rel=\"stylesheet\" href=\"/b-1.css\"/>\n  \
                    <link rel=\"stylesheet\" href=\"/a-2.css\" integrity=\"x\"/>\n</head>\n";
        let (kept, sheets) = without_sheets(page);
        assert_eq!(kept, "<head>\n  <link rel=\"icon\" href=\"/i.svg\"/>\n</head>\n");
        assert_eq!(sheets, ["b-1.css", "a-2.css"]);
    }

    #[test]
    fn scripts_without_a_type_are_classic() {
        let page = "<script src=\"./boot-1.js\"></script><script type=\"module\" src=\"./a.js\">";
        assert_eq!(classic_scripts(page), ["boot-1.js"]);
    }

    #[test]
    fn inline_script_becomes_a_file() {
        let page = "<a href=\"/\"></a>\n<script type=\"module\">\nimport init from '/web-2.js';\n\
                    const wasm = await init({ module_or_path: '/web-2_bg.wasm' });\n</script>\n\
                    <link rel=\"modulepreload\" href=\"/web-2.js\">";
        let (page, script) = with_starting_script(page).unwrap();
        assert_eq!(script, "web-2.js");
        assert_eq!(
            with_relative_addresses(&page),
            "<a href=\"./\"></a>\n<script type=\"module\" src=\"./web-2.js\"></script>\n\
             <link rel=\"modulepreload\" href=\"./web-2.js\">"
        );
        assert!(
            starting_statements(&script).contains("new URL('./web-2_bg.wasm', import.meta.url)")
        );
        assert!(with_starting_script("<script type=\"module\">x()</script>").is_err());
    }
}
