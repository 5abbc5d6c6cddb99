//! A gap: a number of messages that are not loaded, between two rows or after the last. They load as
//! the gap comes near the view, or at the press of its button.

use leptos::prelude::*;

use super::button::label_button;
use super::top_row::spinner;
use crate::context::{Client, RoomView};
use crate::reactive::{attribute, dynamic};
use crate::room::{GapRow, Row, RowKey};
use crate::settings::Settings;

/// Draws a gap.
pub fn gap_row(key: RowKey) -> AnyView {
    const NONE: GapRow = GapRow {
        first: 1,
        last: 0,
        is_tail: false,
        is_kept: false,
        is_loading: false,
        has_failed: false,
    };
    let (text, room, client) = (Settings::text(), RoomView::get(), Client::get());
    let gap = move || match room.row(key, Clone::clone) {
        Some(Row::Gap(gap)) => gap,
        _ => NONE,
    };
    let first = attribute(move || Some(gap().first.to_string()));
    let last = attribute(move || Some(gap().last.to_string()));
    let tail = attribute(move || gap().is_tail.then(String::new));
    let body = dynamic(move || {
        let gap = gap();
        let count = (gap.last + 1).saturating_sub(gap.first);
        let words = if gap.is_kept { (text.gap)(count) } else { (text.gap_gone)(count) };
        let action = if gap.has_failed { text.retry } else { text.gap_load };
        // A gap after the last row is loaded from its beginning.
        let side = if gap.is_tail { gap.first } else { gap.last };
        let button = (gap.is_kept && !gap.is_loading)
            .then(|| label_button("small load-gap", action, move || client.load(side, true)));
        view! { <span>{words}</span>{button}{spinner(gap.is_loading)} }
    });
    view! {
        <div
            class="row gap"
            data-row="gap"
            data-first=first
            data-last=last
            data-tail=tail
        >
            {body}
        </div>
    }
    .into_any()
}
