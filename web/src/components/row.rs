//! One row of the list, whichever kind it is. A row keeps its kind for life.

use leptos::prelude::*;

use super::gap_row::gap_row;
use super::line_row::line_row;
use super::live::words;
use super::message_row::message_row;
use super::top_row::top_row;
use crate::room::{Row, RowKey};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::Day;

/// A row.
pub fn row_view(key: RowKey) -> AnyView {
    let Some(signal) = Store::get().row(key) else { return ().into_any() };
    match signal.get_untracked() {
        Row::Top(_) => top_row(signal),
        Row::Day(_) => day_row(signal),
        Row::Message(first) => message_row(signal, &first.message),
        Row::Line(line) => line_row(&line),
        Row::Gap(_) => gap_row(signal),
    }
}

fn day_row(row: RwSignal<Row>) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let name = words(move || {
        let day = match row.get() {
            Row::Day(day) => day,
            _ => Day(0),
        };
        text.day(day, store.today.get())
    });
    view! { <div class="row day" data-row="day" role="separator"><span>{name}</span></div> }
        .into_any()
}
