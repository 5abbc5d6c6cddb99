//! What was said: text, never markup; web addresses are links; a very long text is folded.

use leptos::prelude::*;

use super::button::word_button;
use super::live::flag;
use crate::browser;
use crate::links::{Piece, pieces};
use crate::settings::Settings;

/// A text of more lines than this is folded.
const FOLD_LINES: usize = 24;

/// A text of more bytes than this is folded.
const FOLD_BYTES: usize = 4_000;

fn piece(piece: Piece<'_>) -> AnyView {
    match piece {
        Piece::Text(words) => words.to_owned().into_any(),
        Piece::Link(address) => {
            let (address, shown) = (address.to_owned(), address.to_owned());
            view! {
                <a href=address target="_blank" rel="noopener noreferrer nofollow">{shown}</a>
            }
            .into_any()
        }
    }
}

/// The text of a message.
pub fn message_text(text: &str) -> AnyView {
    let is_long = text.len() > FOLD_BYTES || text.lines().nth(FOLD_LINES).is_some();
    let is_folded = RwSignal::new(is_long);
    let body = pieces(text).into_iter().map(piece).collect::<Vec<_>>();
    view! {
        <div
            class="text"
            class:folded=flag(move || is_folded.get())
            dir="auto"
            data-testid="text"
        >
            {body}
        </div>
        {is_long.then(|| fold_button(is_folded))}
    }
    .into_any()
}

fn fold_button(is_folded: RwSignal<bool>) -> AnyView {
    let text = Settings::words();
    let label = move || {
        let label = if is_folded.get() { text.show_more } else { text.show_less };
        label.to_owned()
    };
    let toggle = move || {
        is_folded.update(|folded| *folded = !*folded);
        if is_folded.get_untracked() {
            // The button was at the end of what is gone now: its reader stays with it.
            browser::next_frame(|| browser::show(":focus"));
        }
    };
    word_button("small fold", "fold", label, toggle)
}
