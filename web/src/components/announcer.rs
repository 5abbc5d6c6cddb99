//! Reads aloud what happens, for those who do not see the page: an element that is not seen, to
//! which each announcement is added once. The rows themselves are not read as they are drawn.

use leptos::prelude::*;

use super::each::{Item, each};
use super::line_row::summary_words;
use crate::room::announce::Announcement;
use crate::settings::Settings;
use crate::store::Store;

/// The most of a message that is read unasked; the row has the rest.
const READ_CHARS_MAX: usize = 500;

/// The element.
pub fn announcer() -> AnyView {
    let store = Store::get();
    let items = move || store.announced().into_iter().map(Item::Announcement).collect();
    view! {
        <div
            class="sr-only announcer"
            aria-live="polite"
            aria-relevant="additions"
        >
            {each(items)}
        </div>
    }
    .into_any()
}

/// One announcement.
pub fn announcement(number: u64) -> AnyView {
    let text = Settings::words();
    let words = match Store::get().announcement(number) {
        Some(Announcement::Message(message)) => {
            let start: String = message.text.chars().take(READ_CHARS_MAX).collect();
            let rest = if start.len() < message.text.len() { "…" } else { "" };
            format!("{}: {start}{rest}", message.name)
        }
        Some(Announcement::Lines(run)) => summary_words(text, &run),
        None => String::new(),
    };
    view! { <p>{words}</p> }.into_any()
}
