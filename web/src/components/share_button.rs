//! Hands on the link to the room.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::button::picture_button;
use super::icon::{self, Icon};
use super::live::{live, words};
use crate::page::room_path;
use crate::settings::Settings;
use crate::store::Store;
use crate::{browser, clipboard};

/// How long the answer stays.
const ANSWER_MS: i32 = 2_500;

/// Copies the link, or opens the share sheet of a phone.
#[component]
pub fn ShareButton() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let answer = RwSignal::new(String::new());
    let share = move || {
        let room = store.room_id();
        let origin = browser::window().location().origin().unwrap_or_default();
        let link = format!("{origin}{}", room_path(&room));
        if clipboard::share_sheet(room.as_str(), &link) {
            return;
        }
        spawn_local(async move {
            let is_copied = clipboard::copy(&link).await;
            let words = if is_copied { text.share_done } else { text.share_failed };
            answer.set(words.to_owned());
            browser::after(ANSWER_MS, move || answer.set(String::new()));
        });
    };
    let picture = live(move || {
        let path = if answer.with(String::is_empty) { icon::LINK } else { icon::TICK };
        view! { <Icon path/> }
    });
    view! {
        <div class="share">
            {picture_button("quiet", "share", || text.share.to_owned(), picture, share)}
            <span class="answer" role="status" data-testid="share-answer">
                {words(move || answer.get())}
            </span>
        </div>
    }
}
