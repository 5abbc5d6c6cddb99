//! Copies several rows as a conversation that can be read: a line for each row, with time and name.

use web_sys::{ClipboardEvent, Element, Range, Selection};

use crate::browser;

/// Something is copied out of the messages. Of a part of one text the browser copies just that.
pub fn copied(event: &ClipboardEvent) {
    let Some(text) = selected_rows() else { return };
    let Some(data) = event.clipboard_data() else { return };
    if data.set_data("text/plain", &text).is_ok() {
        event.prevent_default();
    }
}

/// The rows that are selected as text. `None` where no more than one is.
fn selected_rows() -> Option<String> {
    let selection: Selection = browser::window().get_selection().ok()??;
    let range = selection.get_range_at(0).ok()?;
    let rows = browser::find_all(".row");
    let selected = rows.iter().filter(|row| range.intersects_node(row).unwrap_or(false));
    let lines: Vec<String> = selected.filter_map(|row| line(row, &range)).collect();
    (lines.len() > 1).then(|| lines.join("\n"))
}

/// One row as text, as far as it is selected. `None` where nothing of its text is.
fn line(row: &Element, range: &Range) -> Option<String> {
    let part = |selector: &str| row.query_selector(selector).ok().flatten();
    let words = |selector: &str| part(selector).and_then(|part| part.text_content());
    if let Some(text) = part(".text") {
        let text = selected_part(&text, range)?;
        let (time, name) = (words("time").unwrap_or_default(), words(".author"));
        return Some(format!("{time} {}: {text}", name.unwrap_or_default()));
    }
    let is_line = row.class_list().contains("line");
    let said = if is_line { words(":scope > span") } else { words("span") }?;
    let is_selected = selected_part(&part("span")?, range).is_some();
    (is_selected && !said.trim().is_empty()).then(|| format!("— {}", said.trim()))
}

/// What a range has of an element. `None` for nothing.
fn selected_part(element: &Element, range: &Range) -> Option<String> {
    let all = browser::document().create_range().ok()?;
    all.select_node_contents(element).ok()?;
    let part = range.clone_range();
    // Whichever begins later and ends earlier.
    if part.compare_boundary_points(Range::START_TO_START, &all).ok()? < 0 {
        part.set_start(&all.start_container().ok()?, all.start_offset().ok()?).ok()?;
    }
    if part.compare_boundary_points(Range::END_TO_END, &all).ok()? > 0 {
        part.set_end(&all.end_container().ok()?, all.end_offset().ok()?).ok()?;
    }
    let text = String::from(part.to_string());
    (!text.is_empty()).then_some(text)
}
