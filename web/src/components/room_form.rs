//! The way into a room: its name, one's own, go.

use leptos::prelude::*;
use xmeet_shared::{Nickname, NicknameError, RoomId};

use super::button::icon_button;
use super::icon::{self, Icon};
use super::live::live;
use super::text_field::TextField;
use crate::encoding::encode;
use crate::page::{BadRoom, room_from_input, room_path};
use crate::settings::Settings;
use crate::{browser, prefs};

/// A name that nobody guesses: 60 random bits in three groups.
fn random_room() -> String {
    [4; 3].map(browser::random_letters).join("-")
}

/// What was typed as a nickname: nothing at all asks for a random one.
fn read_nickname(text: &str) -> Result<Option<Nickname>, NicknameError> {
    if text.is_empty() { Ok(None) } else { Nickname::new(text).map(Some) }
}

/// What was typed as a room.
fn read_room(text: &str) -> Result<RoomId, BadRoom> {
    let host = browser::window().location().host().unwrap_or_default();
    room_from_input(&host, &browser::site(), text)
}

fn enter(room: &RoomId, nickname: Option<&Nickname>) {
    let mut address = room_path(&browser::site(), room);
    prefs::set_nickname(nickname.map(Nickname::as_str));
    match nickname {
        // In the address as well, for a browser that stores nothing.
        Some(name) => {
            address.push_str("?nickname=");
            address.push_str(&encode(name.as_str()));
        }
        None => browser::forget_cookie("nickname"),
    }
    let _ = browser::window().location().set_href(&address);
}

/// What is typed on the front page; it outlives a switch of the language.
#[derive(Clone, Copy)]
pub struct Entrance {
    room: RwSignal<String>,
    nickname: RwSignal<String>,
}

impl Entrance {
    /// Provides it to every component below.
    pub fn provide() {
        let nickname = RwSignal::new(prefs::nickname().unwrap_or_default());
        provide_context(Self { room: RwSignal::new(String::new()), nickname });
    }
}

/// The form.
#[component]
pub fn RoomForm() -> impl IntoView {
    let text = Settings::words();
    let Entrance { room, nickname } = expect_context();
    let room_error = RwSignal::new(String::new());
    let nickname_error = RwSignal::new(String::new());
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (asked_room, asked_name) =
            (read_room(&room.get_untracked()), read_nickname(&nickname.get_untracked()));
        let why = asked_room.as_ref().err().map(|why| text.bad_room_reason(*why));
        room_error.set(why.unwrap_or_default());
        let why = asked_name.as_ref().err().map(|why| text.bad_nickname_reason(*why));
        nickname_error.set(why.unwrap_or_default());
        match (asked_room, asked_name) {
            (Ok(room), Ok(name)) => enter(&room, name.as_ref()),
            (Err(_), _) => browser::focus("#room"),
            (_, Err(_)) => browser::focus("#nickname"),
        }
    };
    browser::next_frame(|| {
        if browser::matches_media("(pointer: fine)") {
            browser::focus("#room");
        }
    });
    view! {
        <form class="card" novalidate on:submit=submit>
            {room_field(room, room_error)}
            {nickname_field(nickname, nickname_error)}
            <button type="submit" class="primary wide go">
                {text.go}
                <Icon path=icon::GO/>
            </button>
        </form>
    }
}

/// Which room, with what has to be said about its name.
fn room_field(room: RwSignal<String>, error: RwSignal<String>) -> AnyView {
    let text = Settings::words();
    let notes = live(move || {
        let asked = room.with(|room| read_room(room));
        let is_elsewhere =
            asked == Err(BadRoom::Elsewhere) && error.with(|error| !error.is_empty());
        let link = is_elsewhere.then(|| {
            let address = room.get().trim().to_owned();
            view! { <p class="note"><a class="room-elsewhere" href=address>{text.open_there}</a></p> }
        });
        let warning = asked.ok().filter(RoomId::is_longer_than_advised).map(|asked| {
            let words = (text.room_long)(asked.as_str().chars().count() as u64);
            note("note warn room-warning", words)
        });
        view! { {warning}{problem("note bad room-error", error.get())}{link} }
    });
    let field = TextField {
        id: "room",
        hint: text.room_hint,
        autocomplete: "off",
        value: room,
        is_invalid: Box::new(move || error.with(|error| !error.is_empty())),
        on_input: Box::new(move || error.set(String::new())),
        on_escape: Box::new(|| ()),
    };
    let random = icon_button("random-room", text.room_random, icon::DICE, move || {
        error.set(String::new());
        room.set(random_room());
    });
    view! {
        <div class="field">
            <label for="room">{text.room_label}</label>
            <div class="with-button">{field.draw()}{random}</div>
            <div id="room-notes" aria-live="polite">{notes}</div>
        </div>
    }
    .into_any()
}

/// What to be called there, with what has to be said about it.
fn nickname_field(nickname: RwSignal<String>, error: RwSignal<String>) -> AnyView {
    let text = Settings::words();
    let notes = live(move || problem("note bad nickname-error", error.get()));
    let field = TextField {
        id: "nickname",
        hint: text.nickname_hint,
        autocomplete: "nickname",
        value: nickname,
        is_invalid: Box::new(move || error.with(|error| !error.is_empty())),
        on_input: Box::new(move || {
            let why = nickname.with_untracked(|name| read_nickname(name).err());
            error.set(why.map(|why| text.bad_nickname_reason(why)).unwrap_or_default());
        }),
        on_escape: Box::new(|| ()),
    };
    view! {
        <div class="field">
            <label for="nickname">{text.nickname_label}</label>
            {field.draw()}
            <div id="nickname-notes" aria-live="polite">{notes}</div>
        </div>
    }
    .into_any()
}

fn problem(class: &'static str, words: String) -> Option<AnyView> {
    (!words.is_empty()).then(|| note(class, words))
}

fn note(class: &'static str, words: String) -> AnyView {
    view! { <p class=class>{words}</p> }.into_any()
}
