//! The composer: the message box, the own avatar, the send button, and the banners above them.

use leptos::prelude::*;
use xmeet_shared::limits::FRAME_BYTES_MAX_DEFAULT;
use xmeet_shared::{ClientCommand, can_be_seen};

use super::avatar::avatar;
use super::command_notice::command_notice;
use super::icon::{self, Icon};
use super::ime::Ime;
use super::message_field::message_field;
use super::new_version::new_version;
use super::rename_form::rename_form;
use super::server_error::ServerError;
use super::storage_failed::storage_failed;
use crate::context::{Client, MessageBox, Panels, RoomView, Sender};
use crate::identity;
use crate::reactive::{aria_bool, attribute, dynamic, flag, reactive_text, show_if};
use crate::room::members::Person;
use crate::settings::Settings;

/// The counter appears when fewer bytes than this are left.
const COUNTER_BYTES: usize = 4 * 1024;

/// What Send does with a draft.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SendDecision {
    /// The draft has no visible character: keep it.
    KeepBlank,
    /// The draft is longer than the server accepts: keep it.
    KeepTooLong,
    /// The server would execute the draft as a command: ask the person.
    Ask,
    /// Say it.
    Say,
}

impl SendDecision {
    fn of(draft: &str) -> Self {
        if !can_be_seen(draft) {
            Self::KeepBlank
        } else if draft.len() > FRAME_BYTES_MAX_DEFAULT {
            Self::KeepTooLong
        } else if ClientCommand::looks_like_command(draft) {
            Self::Ask
        } else {
            Self::Say
        }
    }
}

/// The composer.
#[component]
pub fn Composer() -> impl IntoView {
    let (client, sender, panels) = (Client::get(), Sender::get(), Panels::get());
    let message_box = MessageBox::get();
    let asks = RwSignal::new(false);
    let send = move || {
        let draft = untrack(|| message_box.draft(String::clone));
        message_box.leave_menu();
        match SendDecision::of(&draft) {
            SendDecision::KeepBlank | SendDecision::KeepTooLong => {}
            SendDecision::Ask => asks.set(true),
            SendDecision::Say if client.is_paused() => {}
            SendDecision::Say => sender.say(&draft),
        }
    };
    let ime = Ime::default();
    let submit_ime = ime.clone();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        submit_ime.when_composed(message_box.element().map(Into::into), send);
    };
    view! {
        <div class="composer">
            {new_version()}
            {storage_failed()}
            <ServerError/>
            {question(asks)}
            {show_if(move || panels.is_renaming.get(), rename_form)}
            <form class="message-form" on:submit=submit>
                {own_avatar()}
                {message_field(asks, ime, send)}
                {send_button()}
            </form>
            {counter()}
        </div>
    }
}

/// Asks about a draft that the server would execute as a command.
fn question(asks: RwSignal<bool>) -> AnyView {
    let message_box = MessageBox::get();
    let answered = move |is_spent: bool| {
        asks.set(false);
        if is_spent {
            message_box.set_draft(String::new());
        }
        message_box.focus();
    };
    dynamic(move || asks.get().then(|| command_notice(message_box.draft(String::clone), answered)))
}

/// The own avatar, a button that opens the form for the nickname.
fn own_avatar() -> AnyView {
    let (text, room, panels) = (Settings::text(), RoomView::get(), Panels::get());
    let label = move || {
        let name = room.myself().map(|myself| myself.name.to_string()).unwrap_or_default();
        Some(format!("{} ({name})", text.rename))
    };
    let picture = dynamic(move || match room.myself() {
        Some(Person { pid, name }) => avatar(room.name_style(&pid, &name).hue, &name),
        None => avatar(identity::HUES, ""),
    });
    view! {
        <button
            type="button"
            class="own-avatar"
            aria-label=attribute(label)
            title=attribute(label)
            aria-expanded=aria_bool(move || panels.is_renaming.get())
            on:click=move |_| panels.is_renaming.update(|is_renaming| *is_renaming = !*is_renaming)
        >
            {picture}
            <Icon path=icon::PENCIL/>
        </button>
    }
    .into_any()
}

fn send_button() -> AnyView {
    let (text, room, message_box) = (Settings::text(), RoomView::get(), MessageBox::get());
    let is_blank = move || message_box.draft(|draft| !can_be_seen(draft));
    let is_disabled = move || {
        used_bytes(message_box) > FRAME_BYTES_MAX_DEFAULT || room.status().pause_s.get() > 0
    };
    // The press must not take the focus from the field: a phone would hide its keyboard.
    let keep_focus = |event: web_sys::MouseEvent| event.prevent_default();
    view! {
        <button
            type="submit"
            class="primary send"
            class:idle=flag(is_blank)
            aria-label=text.send
            title=text.send
            disabled=flag(is_disabled)
            on:mousedown=keep_focus
        >
            <Icon path=icon::SEND/>
        </button>
    }
    .into_any()
}

/// Returns the size of the draft as the server counts it.
fn used_bytes(message_box: MessageBox) -> usize {
    message_box.draft(String::len)
}

/// Counts the bytes that are left, near the limit and above it.
fn counter() -> AnyView {
    let (text, message_box) = (Settings::text(), MessageBox::get());
    let left = reactive_text(move || {
        let used = used_bytes(message_box);
        if used > FRAME_BYTES_MAX_DEFAULT {
            (text.bytes_over)((used - FRAME_BYTES_MAX_DEFAULT) as u64)
        } else if used + COUNTER_BYTES > FRAME_BYTES_MAX_DEFAULT {
            (text.bytes_left)((FRAME_BYTES_MAX_DEFAULT - used) as u64)
        } else {
            String::new()
        }
    });
    let is_over = move || used_bytes(message_box) > FRAME_BYTES_MAX_DEFAULT;
    view! { <p class="counter" class:bad=flag(is_over)>{left}</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_draft_is_kept_and_command_is_asked_about() {
        assert!(SendDecision::of(" \n\u{3000}") == SendDecision::KeepBlank);
        let invisible = "\u{200B}\u{2060}\u{202E}\u{2800}\u{3164}\u{FE0F}";
        assert!(SendDecision::of(invisible) == SendDecision::KeepBlank);
        assert!(SendDecision::of("hello") == SendDecision::Say);
        assert!(SendDecision::of(" @history:1") == SendDecision::Say);
        assert!(SendDecision::of("@history:1") == SendDecision::Ask);
        assert!(SendDecision::of("@changename:") == SendDecision::Ask);
        assert!(SendDecision::of("@小明 hello") == SendDecision::Say);
    }

    #[test]
    fn draft_size_is_counted_in_bytes_of_utf8() {
        let of = |text: &str| SendDecision::of(text);
        assert!(of(&"x".repeat(FRAME_BYTES_MAX_DEFAULT)) == SendDecision::Say);
        assert!(of(&"汉".repeat(FRAME_BYTES_MAX_DEFAULT / 3)) == SendDecision::Say);
        assert!(of(&"汉".repeat(FRAME_BYTES_MAX_DEFAULT / 3 + 1)) == SendDecision::KeepTooLong);
    }
}
