//! The layers of the server: a folder imports from layers below it only, and no files import each
//! other in a circle.

mod graph;
mod paths;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::sources::rust_files;
use graph::Graph;
use paths::{Module, Modules, imports};

/// The folder of the layers.
const SOURCE: &str = "server/src";

/// The folders and files of [`SOURCE`], from the top down. Parts of one layer do not import each
/// other.
const LAYERS: [&[&str]; 14] = [
    &["main"],
    &["lib"],
    &["check", "shutdown"],
    &["http"],
    &["session"],
    &["hub"],
    &["fanout", "history", "tls"],
    &["tasks"],
    &["metrics"],
    &["readiness", "telemetry"],
    &["config"],
    &["limits", "room"],
    &["wire"],
    &["clock", "supervisor", "turns", "version"],
];

/// Returns a finding for each import that leads up or sideways, and for each circle of files.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let source = root.join(SOURCE);
    let mut texts = BTreeMap::new();
    for file in rust_files(&source)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(&source).unwrap_or(&file).display().to_string();
        texts.insert(name, text);
    }
    Ok(check_files(&texts))
}

fn check_files(texts: &BTreeMap<String, String>) -> Vec<String> {
    let modules = Modules::of(texts.keys().map(String::as_str));
    let mut findings = Vec::new();
    let mut graph = Graph::default();
    for (file, text) in texts.iter().filter(|(file, _)| !is_test(file)) {
        let module = Module::of(file);
        for target in imports(&module, text, &modules) {
            findings.extend(check_import(file, &module, &target));
            // A module and the files that it is split into may import each other.
            if !target.is_below(&module) {
                graph.add(file, modules.file(&target));
            }
        }
    }
    let circles = graph.circles();
    findings.extend(circles.iter().map(|files| {
        format!("{SOURCE}: these files import each other in a circle: {}", files.join(", "))
    }));
    findings
}

fn check_import(file: &str, from: &Module, to: &Module) -> Option<String> {
    let (from, to) = (from.part(), to.part());
    let layer = |part: &str| LAYERS.iter().position(|layer| layer.contains(&part));
    match (layer(from), layer(to)) {
        _ if from == to => None,
        (Some(above), Some(below)) if above < below => None,
        (Some(_), Some(_)) => {
            Some(format!("{SOURCE}/{file} imports `{to}`, which is not in a layer below `{from}`"))
        }
        (None, _) => Some(format!("{SOURCE}/{file}: `{from}` is in no layer of the tidy check")),
        (_, None) => Some(format!("{SOURCE}/{file}: `{to}` is in no layer of the tidy check")),
    }
}

/// Returns whether a file contains only tests, which may import from everywhere.
fn is_test(file: &str) -> bool {
    let mut words = file.trim_end_matches(".rs").split(['/', '_']);
    words.any(|word| word == "test" || word == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        let texts = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
        check_files(&BTreeMap::from(texts))
    }

    #[test]
    fn imports_that_lead_down_pass() {
        let found = findings([
            ("lib.rs", "use hub::Hub;\nuse crate::http::Listener;"),
            ("http/mod.rs", "use crate::wire::{frame, stream::Stream};"),
            ("hub/mod.rs", "mod pages;\nuse pages::Page; use crate::room::Room;"),
            ("hub/pages.rs", "use super::Hub;"),
            ("wire/frame.rs", ""),
            ("wire/stream.rs", "use super::frame;"),
            ("wire/mod.rs", ""),
            ("room/mod.rs", ""),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn import_that_leads_up_or_sideways_is_found_wherever_it_stands() {
        for text in [
            "use crate::hub::Hub;",
            "pub use crate::{\n    wire::frame,\n    hub::{Hub, pages},\n};",
            "fn a() { crate::hub::run(); }",
            "fn a(hub: &super::super::hub::Hub) {}",
            "use crate::limits::Rate;",
        ] {
            let found = findings([
                ("room/state.rs", text),
                ("hub/mod.rs", ""),
                ("limits/mod.rs", ""),
                ("wire/frame.rs", ""),
            ]);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
        }
    }

    #[test]
    fn comments_texts_and_tests_import_nothing() {
        let text = "// use crate::hub::Hub;\nconst A: &str = \"crate::hub::Hub\";\n\
                    #[cfg(test)]\nmod tests {\n    use crate::hub::Hub;\n}\n";
        let test = "use crate::hub::Hub;";
        let files = [("room/state.rs", text), ("room/tests.rs", test), ("hub/mod.rs", "")];
        assert_eq!(findings(files), Vec::<String>::new());
    }

    #[test]
    fn circle_of_files_in_one_folder_is_found() {
        let found = findings([
            ("wire/a.rs", "use super::b::B;"),
            ("wire/b.rs", "use super::c::C;"),
            ("wire/c.rs", "use crate::wire::a::A;"),
            ("wire/d.rs", "use super::a::A;"),
            ("wire/mod.rs", "mod a; mod b; mod c; mod d; use a::A;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("wire/a.rs, wire/b.rs, wire/c.rs"), "{found:?}");
    }

    #[test]
    fn folder_without_a_layer_is_found() {
        let found = findings([("room/mod.rs", "use crate::doors::Door;"), ("doors.rs", "")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
