//! The text of a message: never markup. Web addresses are links, and a very long text is folded.

use leptos::prelude::*;

use super::button::word_button;
use crate::browser;
use crate::fold::{fold_at, short_runs, split};
use crate::links::{Piece, pieces};
use crate::reactive::flag;
use crate::settings::Settings;

fn piece(piece: Piece<'_>) -> AnyView {
    match piece {
        Piece::Text(words) => {
            let mut runs = short_runs(words).into_iter().map(str::to_owned);
            let first = runs.next();
            let apart = runs.map(|run| view! { <span class="apart">{run}</span> }.into_any());
            (first, apart.collect::<Vec<_>>()).into_any()
        }
        Piece::Link(address) => {
            let (address, shown) = (address.to_owned(), address.to_owned());
            view! {
                <a href=address target="_blank" rel="noopener noreferrer nofollow">{shown}</a>
            }
            .into_any()
        }
    }
}

/// Draws the text of a message. The browser lays out only the beginning of a folded text.
pub fn message_text(text: &str) -> AnyView {
    let pieces = pieces(text);
    let fold = fold_at(text);
    let (beginning, rest) = split(pieces, fold.unwrap_or(text.len()));
    let draw = |pieces: Vec<_>| pieces.into_iter().map(piece).collect::<Vec<_>>();
    let is_folded = RwSignal::new(fold.is_some());
    let rest = fold.map(|_| {
        view! { <span class="rest" hidden=flag(move || is_folded.get())>{draw(rest)}</span> }
    });
    view! {
        <div
            class="text"
            class:folded=flag(move || is_folded.get())
            dir="auto"
            translate="yes"
        >
            {draw(beginning)}{rest}
        </div>
        {fold.map(|_| fold_button(is_folded))}
    }
    .into_any()
}

fn fold_button(is_folded: RwSignal<bool>) -> AnyView {
    let text = Settings::text();
    let label = move || {
        let label = if is_folded.get() { text.show_more } else { text.show_less };
        label.to_owned()
    };
    let toggle = move || {
        is_folded.update(|folded| *folded = !*folded);
        if is_folded.get_untracked() {
            // The button moves up by the height of the folded part, and the view follows it.
            browser::next_frame(browser::show_focused);
        }
    };
    word_button("small fold", label, toggle)
}
