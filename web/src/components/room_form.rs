//! The form of the front page: a room, a nickname, and a button that enters.

use leptos::prelude::*;
use web_sys::HtmlInputElement;
use xmeet_shared::{Nickname, NicknameError, RoomId};

use super::button::icon_button;
use super::icon::{self, Icon};
use super::text_field::TextField;
use crate::encoding::encode;
use crate::page::{BadRoom, room_from_input, room_path};
use crate::reactive::{ElementRef, dynamic};
use crate::settings::Settings;
use crate::{browser, prefs};

/// Returns a room name that cannot be guessed: 60 random bits in three groups.
fn random_room() -> String {
    [4; 3].map(browser::random_letters).join("-")
}

/// Parses a nickname. An empty one asks the server for a random nickname.
fn read_nickname(text: &str) -> Result<Option<Nickname>, NicknameError> {
    if text.is_empty() { Ok(None) } else { Nickname::new(text).map(Some) }
}

/// Parses a room name or a link to a room.
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

/// The text in the fields of the front page. It outlives a switch of the language.
#[derive(Clone, Copy)]
pub struct LandingDraft {
    room: RwSignal<String>,
    nickname: RwSignal<String>,
}

impl LandingDraft {
    /// Provides the draft to every component below.
    pub fn provide() {
        let nickname = RwSignal::new(prefs::nickname().unwrap_or_default());
        provide_context(Self { room: RwSignal::new(String::new()), nickname });
    }
}

/// One field of the form: its element, its text, and the error below it.
#[derive(Clone, Copy)]
struct Field {
    element: ElementRef<HtmlInputElement>,
    value: RwSignal<String>,
    error: RwSignal<String>,
}

impl Field {
    fn new(value: RwSignal<String>) -> Self {
        Self { element: ElementRef::new(), value, error: RwSignal::new(String::new()) }
    }

    fn focus(self) {
        if let Some(element) = self.element.get() {
            let _ = element.focus();
        }
    }

    fn has_error(self) -> bool {
        self.error.with(|error| !error.is_empty())
    }
}

/// The form.
#[component]
pub fn RoomForm() -> impl IntoView {
    let text = Settings::text();
    let draft: LandingDraft = expect_context();
    let (room, nickname) = (Field::new(draft.room), Field::new(draft.nickname));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let asked_room = room.value.with_untracked(|room| read_room(room));
        let asked_name = nickname.value.with_untracked(|name| read_nickname(name));
        let error = asked_room.as_ref().err().map(|error| text.bad_room_reason(*error));
        room.error.set(error.unwrap_or_default());
        let error = asked_name.as_ref().err().map(|error| text.bad_nickname_reason(*error));
        nickname.error.set(error.unwrap_or_default());
        match (asked_room, asked_name) {
            (Ok(room), Ok(name)) => enter(&room, name.as_ref()),
            (Err(_), _) => room.focus(),
            (_, Err(_)) => nickname.focus(),
        }
    };
    browser::next_frame(move || {
        // On a phone the keyboard would cover the page.
        if browser::matches_media("(pointer: fine)") {
            room.focus();
        }
    });
    view! {
        <form class="card" novalidate on:submit=submit>
            {room_field(room)}
            {nickname_field(nickname)}
            <button type="submit" class="primary wide go">
                {text.go}
                <Icon path=icon::GO/>
            </button>
        </form>
    }
}

fn room_field(field: Field) -> AnyView {
    let text = Settings::text();
    let Field { element, value, error } = field;
    let notes = dynamic(move || {
        let asked = value.with(|room| read_room(room));
        let is_elsewhere = asked == Err(BadRoom::Elsewhere) && field.has_error();
        let link = is_elsewhere.then(|| {
            let address = value.get().trim().to_owned();
            view! { <p class="note"><a class="room-elsewhere" href=address>{text.open_there}</a></p> }
        });
        let warning = asked.ok().filter(RoomId::is_longer_than_advised).map(|asked| {
            let words = (text.room_long)(asked.as_str().chars().count() as u64);
            note("note warn room-warning", words)
        });
        view! { {warning}{problem("note bad room-error", error.get())}{link} }
    });
    let input = TextField {
        id: "room",
        element,
        hint: text.room_hint,
        autocomplete: "off",
        value,
        is_invalid: Box::new(move || field.has_error()),
        on_input: Box::new(move || error.set(String::new())),
        on_escape: Box::new(|| ()),
    };
    let random = icon_button("random-room", text.room_random, icon::DICE, move || {
        error.set(String::new());
        value.set(random_room());
    });
    view! {
        <div class="field">
            <label for="room">{text.room_label}</label>
            <div class="with-button">{input.draw()}{random}</div>
            <div id="room-notes" aria-live="polite">{notes}</div>
        </div>
    }
    .into_any()
}

fn nickname_field(field: Field) -> AnyView {
    let text = Settings::text();
    let Field { element, value, error } = field;
    let notes = dynamic(move || problem("note bad nickname-error", error.get()));
    let input = TextField {
        id: "nickname",
        element,
        hint: text.nickname_hint,
        autocomplete: "nickname",
        value,
        is_invalid: Box::new(move || field.has_error()),
        on_input: Box::new(move || {
            let problem = value.with_untracked(|name| read_nickname(name).err());
            error.set(problem.map(|problem| text.bad_nickname_reason(problem)).unwrap_or_default());
        }),
        on_escape: Box::new(|| ()),
    };
    view! {
        <div class="field">
            <label for="nickname">{text.nickname_label}</label>
            {input.draw()}
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
