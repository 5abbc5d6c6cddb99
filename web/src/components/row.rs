//! A row of the message list, of any kind. A row never changes its kind.

use leptos::prelude::*;

use super::gap_row::gap_row;
use super::line_row::line_row;
use super::message_row::message_row;
use super::top_row::top_row;
use crate::context::RoomView;
use crate::reactive::reactive_text;
use crate::room::{Row, RowKey};
use crate::settings::Settings;

/// Draws a row.
pub fn row_view(key: RowKey) -> AnyView {
    let row = untrack(|| RoomView::get().row(key, Clone::clone));
    match row {
        Some(Row::HistoryEdge(_)) => top_row(key),
        Some(Row::Day(_)) => day_row(key),
        Some(Row::Message(row)) => message_row(key, &row.message),
        Some(Row::Lines(_)) => line_row(key),
        Some(Row::Gap(_)) => gap_row(key),
        Some(Row::Unread) => unread_row(),
        None => ().into_any(),
    }
}

fn unread_row() -> AnyView {
    let words = Settings::text().unread_line;
    view! { <div class="row unread" data-row="unread" role="separator"><span>{words}</span></div> }
        .into_any()
}

fn day_row(key: RowKey) -> AnyView {
    let (text, room) = (Settings::text(), RoomView::get());
    let name = reactive_text(move || match room.row(key, Clone::clone) {
        Some(Row::Day(day)) => text.day(day, room.today()),
        _ => String::new(),
    });
    view! { <div class="row day" data-row="day" role="separator"><span>{name}</span></div> }
        .into_any()
}
