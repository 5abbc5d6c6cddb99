//! The message list by keyboard. The list is one stop of the Tab key. Arrow keys move from row to
//! row, Home and End to its ends, Escape to the message box. Tab goes through the links and buttons
//! of the row that has the focus, and then on. The browser does the rest: it scrolls.

use wasm_bindgen::JsCast;
use web_sys::{
    Element, FocusEvent, HtmlElement, KeyboardEvent, ScrollIntoViewOptions, ScrollLogicalPosition,
};

use crate::browser;
use crate::context::{ListView, MessageBox};

/// The rows that arrow keys stop at: messages, and groups of lines that can be opened.
const STOPS: &str = "[data-row=message], [data-kind=run]";

/// The buttons that load missing messages.
const LOADS: &str = ".load-older, .load-gap";

/// Acts on a key that was pressed in the list.
pub fn pressed(event: &KeyboardEvent, list: ListView, message_box: MessageBox) {
    if event.ctrl_key() || event.alt_key() || event.meta_key() || event.shift_key() {
        return;
    }
    let Some(log) = list.element() else { return };
    match event.key().as_str() {
        "ArrowUp" => go(neighbour(&log, Element::previous_element_sibling)),
        "ArrowDown" => go(neighbour(&log, Element::next_element_sibling)),
        "Home" => {
            go(browser::find_all(&log, ".row.message").into_iter().next());
            log.set_scroll_top(0);
        }
        "End" => {
            let has_unloaded_tail = !browser::find_all(&log, "[data-tail]").is_empty();
            if has_unloaded_tail {
                list.focus();
            } else {
                go(stops(&log).pop());
            }
            list.to_bottom();
        }
        "Escape" => message_box.focus(),
        _ => return,
    }
    event.prevent_default();
}

fn stops(log: &HtmlElement) -> Vec<HtmlElement> {
    browser::find_all(log, STOPS)
}

/// Returns the row that has the focus or contains the element that has it.
fn focused_row() -> Option<Element> {
    browser::document().active_element()?.closest(".row").ok().flatten()
}

/// Returns the next row in a direction, and loads the messages that are missing on the way. If no
/// row has the focus, returns the last row that is wholly in view.
fn neighbour(log: &HtmlElement, step: fn(&Element) -> Option<Element>) -> Option<HtmlElement> {
    if let Some(mut row) = focused_row() {
        loop {
            row = step(&row)?;
            if row.matches(STOPS).unwrap_or(false) {
                return row.dyn_into().ok();
            }
            if let Some(button) = browser::find_all(&row, LOADS).first() {
                button.click();
            }
        }
    }
    let end = log.get_bounding_client_rect().bottom();
    stops(log).into_iter().rfind(|row| row.get_bounding_client_rect().bottom() <= end + 1.0)
}

/// Moves the focus to a row, which is then in view. A screen reader reads a message's label.
fn go(row: Option<HtmlElement>) {
    let Some(row) = row else { return };
    let part = |selector: &str| {
        let part = row.query_selector(selector).ok().flatten();
        part.and_then(|part| part.text_content()).unwrap_or_default()
    };
    let [author, time, text] = [".author", "time", ".text"].map(part);
    if !text.is_empty() {
        let _ = row.set_attribute(LABEL, &format!("{author}, {time}: {text}"));
    }
    browser::focus_in_place(&row);
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    row.scroll_into_view_with_scroll_into_view_options(&options);
}

/// A row has its label only while it has the focus: the label would hold a copy of each text.
const LABEL: &str = "aria-label";

/// Removes the label of a row that has lost the focus.
pub fn left(event: &FocusEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    if let Some(row) = target.filter(|target| target.class_list().contains("row")) {
        let _ = row.remove_attribute(LABEL);
    }
}

/// Before Tab moves the focus, makes the controls of the row that has the focus reachable and those
/// of all other rows not. Watches for as long as the page lives.
pub fn watch_tab() {
    let list = ListView::get();
    browser::on_key(move |event| {
        let Some(log) = list.element() else { return };
        if event.key() != "Tab" {
            return;
        }
        let row = focused_row();
        for control in browser::find_all(&log, ".row :is(a, button)") {
            let is_in_row = row.as_ref().is_some_and(|row| row.contains(Some(&control)));
            control.set_tab_index(if is_in_row { 0 } else { -1 });
        }
    });
}
