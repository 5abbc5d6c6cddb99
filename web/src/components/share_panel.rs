//! The panel with the room's link: to copy, to hand to another app, and as a QR code.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::HtmlInputElement;

use super::button::{icon_button, word_button};
use super::icon;
use crate::context::{Client, Panels};
use crate::encoding::encode;
use crate::page::room_path;
use crate::reactive::{ElementRef, attribute, reactive_text};
use crate::settings::Settings;
use crate::{browser, clipboard};

/// How long the result of a copy is shown.
const RESULT_MS: i32 = 2_500;

fn link() -> String {
    let origin = browser::window().location().origin().unwrap_or_default();
    origin + &room_path(&browser::site(), &Client::get().room_id())
}

/// The panel, a modal dialog: Escape closes it, and the browser gives the focus back.
#[component]
pub fn SharePanel() -> impl IntoView {
    let (text, panels, link) = (Settings::text(), Panels::get(), link());
    let code = format!("{}/qr.svg?text={}", browser::site(), encode(&link));
    // The picture is loaded when the panel is opened for the first time.
    let code = attribute(move || panels.was_share_opened.get().then(|| code.clone()));
    let field = ElementRef::<HtmlInputElement>::new();
    let select = move |_| {
        if let Some(field) = field.get() {
            field.select();
        }
    };
    view! {
        // A press beside the panel closes it, in browsers that know the attribute.
        <dialog
            id="share-panel"
            class="share-panel"
            node_ref=panels.share
            aria-labelledby="share-title"
            {..custom_attribute("closedby", "any")}
        >
            <div class="share-head">
                <h2 id="share-title">{text.share_title}</h2>
                {icon_button("quiet share-close", text.close, icon::CROSS, move || panels.close_share())}
            </div>
            <img alt=text.share_code src=code/>
            <p class="soft">{text.share_hint}</p>
            <input
                id="share-link"
                type="text"
                node_ref=field
                aria-label=text.share_link
                readonly
                value=link.clone()
                on:click=select
            />
            {actions(link)}
        </dialog>
    }
}

fn actions(link: String) -> AnyView {
    let (text, panels) = (Settings::text(), Panels::get());
    let result = RwSignal::new(String::new());
    let sheet = clipboard::has_share_sheet().then(|| {
        let (room, link) = (Client::get().room_id().to_string(), link.clone());
        let label = || text.share_sheet.to_owned();
        word_button("share-sheet", label, move || clipboard::share_sheet(&room, &link))
    });
    let copy = move |_| {
        let Some(panel) = panels.share.get() else { return };
        let link = link.clone();
        spawn_local(async move {
            let is_copied = clipboard::copy(&link, &panel).await;
            let words = if is_copied { text.share_done } else { text.share_failed };
            result.set(words.to_owned());
            browser::after(RESULT_MS, move || result.set(String::new()));
        });
    };
    view! {
        <div class="actions">
            {sheet}
            // The browser moves the focus here when the panel opens.
            <button type="button" class="primary share-copy" autofocus on:click=copy>
                {text.share_copy}
            </button>
        </div>
        <p class="answer" role="status">{reactive_text(move || result.get())}</p>
    }
    .into_any()
}
