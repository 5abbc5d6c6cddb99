//! Messages that are missing between two that are here, or after all of them, counted. They load as they come near the
//! view, or when asked for.

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live};
use super::top_row::spinner;
use crate::room::{GapRow, Row, RowKey};
use crate::settings::Settings;
use crate::store::Store;

/// A gap.
pub fn gap_row(key: RowKey) -> AnyView {
    const NONE: GapRow = GapRow {
        first: 1,
        last: 0,
        is_tail: false,
        is_kept: false,
        is_loading: false,
        has_failed: false,
    };
    let (text, store) = (Settings::words(), Store::get());
    let gap = move || match store.row(key, Clone::clone) {
        Some(Row::Gap(gap)) => gap,
        _ => NONE,
    };
    let first = attribute(move || Some(gap().first.to_string()));
    let last = attribute(move || Some(gap().last.to_string()));
    let tail = attribute(move || gap().is_tail.then(String::new));
    let body = live(move || {
        let gap = gap();
        let count = (gap.last + 1).saturating_sub(gap.first);
        let words = if gap.is_kept { (text.gap)(count) } else { (text.gap_gone)(count) };
        let action = if gap.has_failed { text.retry } else { text.gap_load };
        // After the last row only what follows it is of use.
        let side = if gap.is_tail { gap.first } else { gap.last };
        let button = (gap.is_kept && !gap.is_loading)
            .then(|| small_button("small load-gap", action, move || store.load(side, true)));
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
