//! Hands on the link to the room.

use std::time::Duration;

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
const ANSWER: Duration = Duration::from_millis(2_500);

/// Copies the link, or opens the share sheet of a phone.
#[component]
pub fn ShareButton() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let is_copied = RwSignal::new(None::<bool>);
    let share = move || {
        let room = store.room_id();
        let origin = browser::window().location().origin().unwrap_or_default();
        let link = format!("{origin}{}", room_path(&room));
        if clipboard::share_sheet(room.as_str(), &link) {
            return;
        }
        spawn_local(async move {
            is_copied.set(Some(clipboard::copy(&link).await));
            set_timeout(move || is_copied.set(None), ANSWER);
        });
    };
    let answer = words(move || {
        let answer = match is_copied.get() {
            Some(true) => text.share_done,
            Some(false) => text.share_failed,
            None => "",
        };
        answer.to_owned()
    });
    let picture = live(move || {
        let path = if is_copied.get() == Some(true) { icon::TICK } else { icon::LINK };
        view! { <Icon path/> }
    });
    view! {
        <div class="share">
            {picture_button("quiet", "share", || text.share.to_owned(), picture, share)}
            <span class="answer" role="status" data-testid="share-answer">{answer}</span>
        </div>
    }
}
