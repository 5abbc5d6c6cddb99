//! The head of the list: more to come, on its way, not to be had, no longer kept, or the beginning.
//! Its height never changes, so that nothing below it moves.

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live};
use crate::room::{HistoryEdge, Row, RowKey};
use crate::settings::Settings;
use crate::store::Store;

/// The head of the list.
pub fn top_row(key: RowKey) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let top = move || match store.row(key, Clone::clone) {
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
    let body = live(move || {
        let (words, action) = match top() {
            HistoryEdge::Beginning => (text.beginning, None),
            HistoryEdge::Gone => (text.older_gone, None),
            HistoryEdge::HistoryOff => (text.history_off, None),
            HistoryEdge::Loading => (text.loading_older, None),
            HistoryEdge::Failed => (text.load_failed, Some(text.retry)),
            HistoryEdge::More => ("", Some(text.load_older)),
        };
        let button = action
            .map(|action| small_button("small load-older", action, move || store.load_older(true)));
        view! { {spinner(matches!(top(), HistoryEdge::Loading))}<span>{words}</span>{button} }
    });
    view! { <div class="row top" data-row=name>{body}</div> }.into_any()
}

/// Something turns while something loads.
pub fn spinner(is_loading: bool) -> AnyView {
    let spinner = || view! { <span class="spinner" aria-hidden="true"></span> };
    is_loading.then(spinner).into_any()
}
