//! The first row of the list: it loads older messages, or says why there are none. Its height never
//! changes, so that nothing below it moves.

use leptos::prelude::*;

use super::button::label_button;
use crate::context::{Client, RoomView};
use crate::reactive::{attribute, dynamic};
use crate::room::{HistoryEdge, Row, RowKey};
use crate::settings::Settings;

/// Draws the first row of the list.
pub fn top_row(key: RowKey) -> AnyView {
    let (text, room, client) = (Settings::text(), RoomView::get(), Client::get());
    let top = move || match room.row(key, Clone::clone) {
        Some(Row::HistoryEdge(top)) => top,
        _ => HistoryEdge::More,
    };
    let name = attribute(move || {
        let name = match top() {
            HistoryEdge::Beginning => "beginning",
            HistoryEdge::Gone => "gone",
            HistoryEdge::HistoryOff => "unkept",
            HistoryEdge::More | HistoryEdge::Loading | HistoryEdge::Failed => "older",
        };
        Some(name.to_owned())
    });
    let body = dynamic(move || {
        let (words, action) = match top() {
            HistoryEdge::Beginning => (text.beginning, None),
            HistoryEdge::Gone => (text.older_gone, None),
            HistoryEdge::HistoryOff => (text.history_off, None),
            HistoryEdge::Loading => (text.loading_older, None),
            HistoryEdge::Failed => (text.load_failed, Some(text.retry)),
            HistoryEdge::More => ("", Some(text.load_older)),
        };
        let button = action.map(|action| {
            label_button("small load-older", action, move || client.load_older(true))
        });
        view! { {spinner(matches!(top(), HistoryEdge::Loading))}<span>{words}</span>{button} }
    });
    view! { <div class="row top" data-row=name>{body}</div> }.into_any()
}

/// Draws a spinner while something is loading.
pub fn spinner(is_loading: bool) -> AnyView {
    let spinner = || view! { <span class="spinner" aria-hidden="true"></span> };
    is_loading.then(spinner).into_any()
}
