//! How the connection is, and what can be done about it.

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live, words};
use crate::connection::Phase;
use crate::i18n::Text;
use crate::settings::Settings;
use crate::store::{ConnectionAnnouncement, Store};

/// The name of a phase for styles and tests, what it is called, and what can be done about it.
fn describe(phase: Phase, text: &Text) -> (&'static str, &'static str, Option<&'static str>) {
    match phase {
        Phase::Connecting => ("connecting", text.connecting, None),
        Phase::Connected => ("connected", text.connected, None),
        Phase::Offline { .. } => ("lost", text.lost, Some(text.try_now)),
        Phase::Retrying { .. } => ("retrying", text.retrying, Some(text.try_now)),
        Phase::Stopped { code } => ("stopped", text.stopped(code), Some(text.connect_again)),
    }
}

/// The state of the connection. Only its turns are read aloud, not the seconds.
#[component]
pub fn ConnectionBadge() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let description = move || match describe(store.phase(), text) {
        (state @ "retrying", _, action) if store.is_full.get() => (state, text.full, action),
        description => description,
    };
    let state = attribute(move || Some(description().0.to_owned()));
    let name = words(move || description().1.to_owned());
    let wait = words(move || match store.phase() {
        Phase::Retrying { .. } | Phase::Offline { .. } => {
            (text.retrying_in)(store.retry_in_s.get())
        }
        Phase::Connecting | Phase::Connected | Phase::Stopped { .. } => String::new(),
    });
    let button = live(move || {
        let action = description().2?;
        Some(small_button("small try-now", action, move || store.try_now()))
    });
    let announcement = words(move || {
        let announcement = match store.turn() {
            ConnectionAnnouncement::None => "",
            ConnectionAnnouncement::Disconnected => text.said_lost,
            ConnectionAnnouncement::Reconnected => text.said_back,
        };
        announcement.to_owned()
    });
    view! {
        <div class="connection" data-state=state>
            <span class="dot" aria-hidden="true"></span>
            <span class="words">{name}</span>
            <span class="wait">{wait}</span>
            {button}
            <span class="sr-only" role="status">{announcement}</span>
        </div>
    }
}
