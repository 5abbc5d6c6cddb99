//! The front page: what XMeet is, and the form that enters a room.

use leptos::prelude::*;

use super::icon::{self, Icon};
use super::language_switch::LanguageSwitch;
use super::recent_rooms::RecentRooms;
use super::room_form::RoomForm;
use super::theme_switch::ThemeSwitch;
use crate::browser;
use crate::settings::Settings;

/// The front page.
#[component]
pub fn Landing() -> impl IntoView {
    let text = Settings::text();
    let step = |(title, words)| view! { <li><strong>{title}</strong><span>{words}</span></li> };
    view! {
        <div class="landing">
            <TopBar/>
            <main>
                <div class="pitch">
                    <h1>{text.tagline}</h1>
                    <p>{text.pitch}</p>
                    <ol class="steps">{text.steps.map(step).into_iter().collect_view()}</ol>
                </div>
                <div class="enter">
                    <RoomForm/>
                    <RecentRooms/>
                </div>
            </main>
        </div>
    }
}

/// The bar above all pages but a room.
#[component]
pub fn TopBar() -> impl IntoView {
    view! {
        <header class="top-bar">
            <a class="brand" href=browser::home()>
                <Icon path=icon::MARK/>
                "XMeet"
            </a>
            <LanguageSwitch/>
            <ThemeSwitch/>
        </header>
    }
}
