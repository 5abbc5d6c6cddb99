//! The message list by keyboard. It is one stop of the Tab key: arrows move from row to row, Home
//! and End go to its ends, Escape leads back to the message box; Tab goes through the links and
//! buttons of the row that has the focus, and then on. The rest is the browser's: it scrolls.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, ScrollIntoViewOptions, ScrollLogicalPosition};

use crate::browser;
use crate::store::Store;

const LOG: &str = ".log";

/// The rows that arrows stop at: messages, and lines that can be opened.
const STOPS: &str = "[data-row=message], [data-kind=run]";

/// What loads where messages are missing.
const LOADS: &str = ".load-older, .load-gap";

/// A key went down in the list.
pub fn pressed(event: &KeyboardEvent, store: Store) {
    if event.ctrl_key() || event.alt_key() || event.meta_key() || event.shift_key() {
        return;
    }
    match event.key().as_str() {
        "ArrowUp" => go(neighbour(Element::previous_element_sibling)),
        "ArrowDown" => go(neighbour(Element::next_element_sibling)),
        "Home" => {
            go(browser::find(".row.message"));
            if let Some(log) = browser::find(LOG) {
                log.set_scroll_top(0);
            }
        }
        "End" => {
            // The newest may have to come first.
            match browser::find("[data-tail]") {
                Some(_) => browser::focus(LOG),
                None => go(rows().pop()),
            }
            store.to_bottom();
        }
        "Escape" => browser::focus("#composer"),
        _ => return,
    }
    event.prevent_default();
}

fn rows() -> Vec<HtmlElement> {
    browser::find_all(STOPS)
}

/// The row that has the focus, or has what has it.
fn focused() -> Option<Element> {
    browser::document().active_element()?.closest(".row").ok().flatten()
}

/// The next row in a direction; what is missing on the way is asked for. From outside of the rows,
/// the last one that is wholly in view.
fn neighbour(step: fn(&Element) -> Option<Element>) -> Option<HtmlElement> {
    if let Some(mut row) = focused() {
        loop {
            row = step(&row)?;
            if row.matches(STOPS).unwrap_or(false) {
                return row.dyn_into().ok();
            }
            let button = row.query_selector(LOADS).ok().flatten();
            if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
                button.click();
            }
        }
    }
    let end = browser::find(LOG)?.get_bounding_client_rect().bottom();
    rows().into_iter().rfind(|row| row.get_bounding_client_rect().bottom() <= end + 1.0)
}

/// Moves the keyboard to a row, which is then read aloud and in view.
fn go(row: Option<HtmlElement>) {
    let Some(row) = row else { return };
    let part = |name: &str| {
        let part = row.query_selector(name).ok().flatten();
        part.and_then(|part| part.text_content()).unwrap_or_default()
    };
    let [who, when, what] = [".author", "time", ".text"].map(part);
    if !what.is_empty() {
        let _ = row.set_attribute("aria-label", &format!("{who}, {when}: {what}"));
    }
    browser::focus_in_place(&row);
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    row.scroll_into_view_with_scroll_into_view_options(&options);
}

/// Before Tab does anything, makes stops of what is in the row that has the focus, and of nothing
/// else in the list.
pub fn keep_one_tab_stop() {
    browser::on_key(|event| {
        if event.key() != "Tab" {
            return;
        }
        let row = focused();
        for control in browser::find_all(".row :is(a, button)") {
            let is_here = row.as_ref().is_some_and(|row| row.contains(Some(&control)));
            control.set_tab_index(if is_here { 0 } else { -1 });
        }
    });
}
