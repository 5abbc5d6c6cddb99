//! Copies several rows as readable text: a line for each row, with time and name.

use web_sys::{ClipboardEvent, Element, Range, Selection};

use crate::browser;
use crate::context::ListView;

/// Copies the selected rows in place of the browser. A selection within one row is left to the
/// browser.
pub fn copied(event: &ClipboardEvent, list: ListView) {
    let Some(text) = list.element().and_then(|log| selected_rows(&log)) else { return };
    let Some(data) = event.clipboard_data() else { return };
    if data.set_data("text/plain", &text).is_ok() {
        event.prevent_default();
    }
}

/// Returns the text of the selected rows. `None` if fewer than two are selected.
fn selected_rows(log: &Element) -> Option<String> {
    let selection: Selection = browser::window().get_selection().ok()??;
    let range = selection.get_range_at(0).ok()?;
    let rows = browser::find_all(log, ".row");
    let selected = rows.iter().filter(|row| range.intersects_node(row).unwrap_or(false));
    let lines: Vec<String> = selected.filter_map(|row| line(row, &range)).collect();
    (lines.len() > 1).then(|| lines.join("\n"))
}

/// Returns the selected part of a row as text. `None` if nothing of its text is selected.
fn line(row: &Element, range: &Range) -> Option<String> {
    let part = |selector: &str| row.query_selector(selector).ok().flatten();
    let content = |selector: &str| part(selector).and_then(|part| part.text_content());
    if let Some(text) = part(".text") {
        let text = selected_part(&text, range)?;
        let (time, name) = (content("time").unwrap_or_default(), content(".author"));
        return Some(format!("{time} {}: {text}", name.unwrap_or_default()));
    }
    let is_line = row.class_list().contains("line");
    let words = if is_line { content(":scope > span") } else { content("span") }?;
    let is_selected = selected_part(&part("span")?, range).is_some();
    (is_selected && !words.trim().is_empty()).then(|| format!("— {}", words.trim()))
}

/// Returns the part of an element's text that lies in a range. `None` if there is none.
fn selected_part(element: &Element, range: &Range) -> Option<String> {
    let all = browser::document().create_range().ok()?;
    all.select_node_contents(element).ok()?;
    let part = range.clone_range();
    // The later start and the earlier end.
    if part.compare_boundary_points(Range::START_TO_START, &all).ok()? < 0 {
        part.set_start(&all.start_container().ok()?, all.start_offset().ok()?).ok()?;
    }
    if part.compare_boundary_points(Range::END_TO_END, &all).ok()? > 0 {
        part.set_end(&all.end_container().ok()?, all.end_offset().ok()?).ok()?;
    }
    let text = String::from(part.to_string());
    (!text.is_empty()).then_some(text)
}
