//! The state of the connection, with a button that connects.

use leptos::prelude::*;

use super::button::label_button;
use crate::connection::Phase;
use crate::context::{Client, RoomView};
use crate::core::ConnectionAnnouncement;
use crate::i18n::Text;
use crate::reactive::{attribute, dynamic, reactive_text};
use crate::settings::Settings;

/// Returns the name of a phase for styles and tests, its label, and the label of its button.
fn describe(phase: Phase, text: &Text) -> (&'static str, &'static str, Option<&'static str>) {
    match phase {
        Phase::Connecting => ("connecting", text.connecting, None),
        Phase::Connected => ("connected", text.connected, None),
        Phase::Offline { .. } => ("lost", text.lost, Some(text.try_now)),
        Phase::Retrying { .. } => ("retrying", text.retrying, Some(text.try_now)),
        Phase::Stopped { code } => ("stopped", text.stopped(code), Some(text.connect_again)),
    }
}

/// The badge. A screen reader reads changes of the connection, not the seconds.
#[component]
pub fn ConnectionBadge() -> impl IntoView {
    let (text, room, client) = (Settings::text(), RoomView::get(), Client::get());
    let description = move || match describe(room.status().phase.get(), text) {
        (state @ "retrying", _, action) if room.status().is_full.get() => {
            (state, text.full, action)
        }
        description => description,
    };
    let state = attribute(move || Some(description().0.to_owned()));
    let name = reactive_text(move || description().1.to_owned());
    let wait = reactive_text(move || match room.status().phase.get() {
        Phase::Retrying { .. } | Phase::Offline { .. } => {
            (text.retrying_in)(room.status().retry_in_s.get())
        }
        Phase::Connecting | Phase::Connected | Phase::Stopped { .. } => String::new(),
    });
    let button = dynamic(move || {
        let action = description().2?;
        Some(label_button("small try-now", action, move || client.try_now()))
    });
    let announcement = reactive_text(move || {
        let announcement = match room.status().announcement.get() {
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
