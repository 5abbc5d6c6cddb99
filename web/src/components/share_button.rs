//! Hands on the way into the room: a button, and the panel that it opens. The panel stands by itself
//! on the page, for the button may be in the menu.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::button::{icon_button, word_button};
use super::icon;
use super::live::words;
use super::room_menu;
use crate::encoding::encode;
use crate::page::room_path;
use crate::settings::Settings;
use crate::store::Store;
use crate::{browser, clipboard};

const PANEL: &str = "#share-panel";

/// How long the answer stays.
const ANSWER_MS: i32 = 2_500;

fn link() -> String {
    let origin = browser::window().location().origin().unwrap_or_default();
    origin + &room_path(&browser::site(), &Store::get().room_id())
}

/// The button.
#[component]
pub fn ShareButton() -> impl IntoView {
    let code = format!("{}/qr.svg?text={}", browser::site(), encode(&link()));
    let press = move || {
        room_menu::close();
        open(&code);
    };
    icon_button("quiet share", Settings::words().share, icon::LINK, press)
}

/// Opens the panel, a modal dialog of the browser's: Escape closes it and gives the focus back, and
/// what is behind it is inert. The picture is asked for only now.
fn open(code: &str) {
    let text = Settings::words();
    for (part, name, value) in [
        // A click beside it closes it, in browsers that know of this.
        (PANEL, "closedby", "any"),
        ("#share-panel img", "alt", text.share_code),
        ("#share-panel img", "src", code),
        ("#share-link", "readonly", ""),
    ] {
        if let Some(part) = browser::find(part) {
            let _ = part.set_attribute(name, value);
        }
    }
    browser::open_dialog(PANEL);
    browser::focus(".share-copy");
}

fn close() {
    browser::close_dialog(PANEL);
}

/// The panel.
#[component]
pub fn SharePanel() -> impl IntoView {
    let (text, link) = (Settings::words(), link());
    let room = Store::get().room_id().to_string();
    let address = RwSignal::new(link.clone());
    view! {
        <dialog
            id="share-panel"
            class="share-panel"
            aria-labelledby="share-title"
        >
            <div class="share-head">
                <h2 id="share-title">{text.share_title}</h2>
                {icon_button("quiet share-close", text.close, icon::CROSS, close)}
            </div>
            <img/>
            <p class="soft">{text.share_hint}</p>
            <input
                id="share-link"
                type="text"
                aria-label=text.share_link
                prop:value=address
                on:click=|_| browser::focus_and_select("#share-link")
            />
            {actions(room, link)}
        </dialog>
    }
}

fn actions(room: String, link: String) -> AnyView {
    let text = Settings::words();
    let answer = RwSignal::new(String::new());
    let sheet = clipboard::has_share_sheet().then(|| {
        let link = link.clone();
        let label = || text.share_sheet.to_owned();
        word_button("share-sheet", label, move || clipboard::share_sheet(&room, &link))
    });
    let copy = word_button(
        "primary share-copy",
        || text.share_copy.to_owned(),
        move || {
            let link = link.clone();
            spawn_local(async move {
                let is_copied = clipboard::copy(&link).await;
                let words = if is_copied { text.share_done } else { text.share_failed };
                answer.set(words.to_owned());
                browser::after(ANSWER_MS, move || answer.set(String::new()));
            });
        },
    );
    view! {
        <div class="actions">{sheet}{copy}</div>
        <p class="answer" role="status">{words(move || answer.get())}</p>
    }
    .into_any()
}
