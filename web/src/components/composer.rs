//! The message box, with everything that has to be said about what is in it.

use leptos::prelude::*;
use xmeet_shared::limits::FRAME_BYTES_MAX_DEFAULT;
use xmeet_shared::{ClientCommand, can_be_seen};

use super::avatar::avatar;
use super::command_notice::command_notice;
use super::icon::{self, Icon};
use super::ime::Ime;
use super::live::{attribute, flag, live, truth, when, words};
use super::message_box::{FIELD, message_box};
use super::new_version::new_version;
use super::rename_form::rename_form;
use super::server_error::ServerError;
use super::storage_failed::storage_failed;
use crate::room::members::Person;
use crate::settings::Settings;
use crate::store::Store;
use crate::{browser, identity};

/// The counter appears when fewer bytes than this are left.
const COUNTER_BYTES: usize = 4 * 1024;

/// What happens to the text when it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing in it is visible: it stays where it is.
    Blank,
    /// Longer than the server takes: it stays where it is.
    TooLong,
    /// The server would take it for a command: the person is asked.
    Command,
    /// It is said.
    Say,
}

fn judge(text: &str) -> Verdict {
    if !can_be_seen(text) {
        Verdict::Blank
    } else if text.len() > FRAME_BYTES_MAX_DEFAULT {
        Verdict::TooLong
    } else if ClientCommand::looks_like_command(text) {
        Verdict::Command
    } else {
        Verdict::Say
    }
}

/// The message box.
#[component]
pub fn Composer() -> impl IntoView {
    let store = Store::get();
    let asks = RwSignal::new(false);
    let done = move |is_spent: bool| {
        asks.set(false);
        if is_spent {
            store.set_draft(String::new());
        }
        browser::focus(FIELD);
    };
    let send = move || {
        let text = store.draft.get_untracked();
        store.leave_menu();
        match judge(&text) {
            Verdict::Blank | Verdict::TooLong => {}
            Verdict::Command => asks.set(true),
            Verdict::Say if store.holds_back() => {}
            Verdict::Say => {
                store.say(&text);
                store.set_draft(String::new());
            }
        }
    };
    let notice =
        live(move || asks.get().then(|| command_notice(store.draft.get_untracked(), done)));
    let ime = Ime::default();
    let submit_ime = ime.clone();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        submit_ime.when_composed(FIELD, send);
    };
    view! {
        <div class="composer">
            {new_version()}
            {storage_failed()}
            <ServerError/>
            {notice}
            {when(move || store.is_renaming.get(), rename_form)}
            <form class="box" on:submit=submit>
                {own_avatar()}
                {message_box(asks, ime, send)}
                {send_button()}
            </form>
            {counter()}
        </div>
    }
}

/// One's own seal, which leads to the nickname.
fn own_avatar() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let label = move || {
        let name = store.myself().map(|myself| myself.name.to_string()).unwrap_or_default();
        Some(format!("{} ({name})", text.rename))
    };
    let seal = live(move || match store.myself() {
        Some(Person { pid, name }) => avatar(store.name_style(&pid, &name).hue, &name),
        None => avatar(identity::HUES, ""),
    });
    view! {
        <button
            type="button"
            class="own-avatar"
            aria-label=attribute(label)
            title=attribute(label)
            aria-expanded=truth(move || store.is_renaming.get())
            on:click=move |_| store.is_renaming.update(|renaming| *renaming = !*renaming)
        >
            {seal}
            <Icon path=icon::PENCIL/>
        </button>
    }
    .into_any()
}

fn send_button() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    // The field keeps the focus, and a phone its keyboard.
    let keep_focus = |event: web_sys::MouseEvent| event.prevent_default();
    view! {
        <button
            type="submit"
            class="primary send"
            class:idle=flag(move || store.draft.with(|draft| !can_be_seen(draft)))
            aria-label=text.send
            title=text.send
            disabled=flag(move || used(store) > FRAME_BYTES_MAX_DEFAULT || store.pause_s.get() > 0)
            on:mousedown=keep_focus
        >
            <Icon path=icon::SEND/>
        </button>
    }
    .into_any()
}

/// The size of what is typed, as the server counts it.
fn used(store: Store) -> usize {
    store.draft.with(String::len)
}

/// How much room is left, near the end of it.
fn counter() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let left = words(move || {
        let used = used(store);
        if used > FRAME_BYTES_MAX_DEFAULT {
            (text.bytes_over)((used - FRAME_BYTES_MAX_DEFAULT) as u64)
        } else if used + COUNTER_BYTES > FRAME_BYTES_MAX_DEFAULT {
            (text.bytes_left)((FRAME_BYTES_MAX_DEFAULT - used) as u64)
        } else {
            String::new()
        }
    });
    view! {
        <p
            class="counter"
            class:bad=flag(move || used(store) > FRAME_BYTES_MAX_DEFAULT)
        >
            {left}
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_meant_is_sent() {
        assert!(judge(" \n\u{3000}") == Verdict::Blank);
        assert!(judge("\u{200B}\u{2060}\u{202E}\u{2800}\u{3164}\u{FE0F}") == Verdict::Blank);
        assert!(judge("hello") == Verdict::Say);
        assert!(judge(" @history:1") == Verdict::Say);
        assert!(judge("@history:1") == Verdict::Command);
        assert!(judge("@changename:") == Verdict::Command);
        assert!(judge("@小明 hello") == Verdict::Say);
    }

    #[test]
    fn size_is_counted_as_the_server_counts_it() {
        assert!(judge(&"x".repeat(FRAME_BYTES_MAX_DEFAULT)) == Verdict::Say);
        assert!(judge(&"汉".repeat(FRAME_BYTES_MAX_DEFAULT / 3)) == Verdict::Say);
        assert!(judge(&"汉".repeat(FRAME_BYTES_MAX_DEFAULT / 3 + 1)) == Verdict::TooLong);
    }
}
