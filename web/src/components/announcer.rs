//! Reads new messages and lines aloud: an invisible live region, to which each announcement is added
//! once. The rows themselves are not read as they are drawn.

use leptos::prelude::*;

use super::line_row::summary_words;
use crate::context::RoomView;
use crate::reactive::keyed_list;
use crate::room::announce::Announcement;
use crate::settings::Settings;

/// The longest part of a message that is read unasked, in characters. The row has the rest.
const READ_CHARS_MAX: usize = 500;

/// Draws the live region.
pub fn announcer() -> AnyView {
    let room = RoomView::get();
    view! {
        <div class="sr-only announcer" aria-live="polite" aria-relevant="additions">
            {keyed_list(move || room.announced(), announcement)}
        </div>
    }
    .into_any()
}

fn announcement(number: u64) -> AnyView {
    let text = Settings::text();
    let words = match RoomView::get().announcement(number) {
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
