//! The head of the list: more to come, on its way, not to be had, no longer kept, or the beginning.
//! Its height never changes, so that nothing below it moves.

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live};
use crate::room::{Row, RowKey, Top};
use crate::settings::Settings;
use crate::store::Store;

/// The head of the list.
pub fn top_row(key: RowKey) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let top = move || match store.row(key, Clone::clone) {
        Some(Row::Top(top)) => top,
        _ => Top::More,
    };
    let name = attribute(move || {
        let name = match top() {
            Top::Beginning => "beginning",
            Top::Gone => "gone",
            Top::NotKept => "unkept",
            Top::More | Top::Loading | Top::Failed => "older",
        };
        Some(name.to_owned())
    });
    let body = live(move || {
        let (words, action) = match top() {
            Top::Beginning => (text.beginning, None),
            Top::Gone => (text.older_gone, None),
            Top::NotKept => (text.history_off, None),
            Top::Loading => (text.loading_older, None),
            Top::Failed => (text.load_failed, Some(text.retry)),
            Top::More => ("", Some(text.load_older)),
        };
        let button = action
            .map(|action| small_button("small load-older", action, move || store.load_older(true)));
        view! { {spinner(matches!(top(), Top::Loading))}<span>{words}</span>{button} }
    });
    view! { <div class="row top" data-row=name>{body}</div> }.into_any()
}

/// Something turns while something loads.
pub fn spinner(is_loading: bool) -> AnyView {
    let spinner = || view! { <span class="spinner" aria-hidden="true"></span> };
    is_loading.then(spinner).into_any()
}
