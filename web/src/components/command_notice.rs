//! A text that the server would take for a command is not sent unasked: says what it would do.

use leptos::prelude::*;
use xmeet_shared::{ClientCommand, CommandError, Cursor, Nickname};

use super::button::small_button;
use super::live::words;
use crate::i18n::Text;
use crate::settings::Settings;
use crate::store::Store;

/// What the typed text would do.
#[derive(Clone)]
enum Meaning {
    Rename(Nickname),
    History(Cursor),
    BadName,
    BadPage,
    Private,
}

impl Meaning {
    fn of(typed: &str) -> Self {
        match ClientCommand::parse(typed) {
            Ok(Some(ClientCommand::ChangeName(name))) => Self::Rename(name),
            Ok(Some(ClientCommand::History(page))) => Self::History(page),
            Err(CommandError::Cursor) => Self::BadPage,
            Err(CommandError::Private) => Self::Private,
            Err(CommandError::Nickname(_)) | Ok(_) => Self::BadName,
        }
    }

    /// What it would do, in words.
    fn words(&self, text: &Text) -> AnyView {
        match self {
            Self::Rename(name) => {
                let (before, after) = text.command_rename;
                view! { {before}<bdi>{name.to_string()}</bdi>{after} }.into_any()
            }
            Self::History(page) => (text.command_history)(page.0).into_any(),
            Self::BadPage => text.command_bad_history.into_any(),
            Self::BadName => text.command_bad_name.into_any(),
            Self::Private => text.command_private.into_any(),
        }
    }

    /// The label of the button that does it; `None` when it cannot be done.
    fn action(&self, text: &Text) -> Option<&'static str> {
        match self {
            Self::Rename(_) => Some(text.command_do_rename),
            Self::History(_) => Some(text.command_do_history),
            Self::BadPage | Self::BadName | Self::Private => None,
        }
    }

    /// Does it; otherwise says why not.
    fn run(&self, store: Store, text: &Text) -> Result<(), &'static str> {
        match self {
            Self::Rename(name) => store.rename(name.clone()).map_err(|_| text.rename_offline),
            Self::History(page) if store.load_page(*page) => Ok(()),
            Self::History(_) => Err(text.no_such_page),
            Self::BadPage | Self::BadName | Self::Private => Ok(()),
        }
    }
}

/// The notice about `typed`. `done` is told when something was done about it, with whether the
/// message box is to be emptied.
pub fn command_notice(typed: String, done: impl Fn(bool) + Copy + 'static) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let meaning = Meaning::of(&typed);
    let problem = RwSignal::new(String::new());
    let explanation = meaning.words(text);
    let run = meaning.action(text).map(|action| {
        small_button("small command-run", action, move || {
            if store.holds_back() {
                return;
            }
            match meaning.run(store, text) {
                Ok(()) => done(true),
                Err(why) => problem.set(why.to_owned()),
            }
        })
    });
    let say = small_button("small command-say", text.command_say, move || {
        if store.holds_back() {
            return;
        }
        // The server says what does not start like a command.
        store.say(&format!(" {typed}"));
        done(true);
    });
    view! {
        <div class="strip command-notice" role="status">
            <p>
                {explanation}" "<span class="soft">{text.command_say_hint}</span>" "
                <strong>{words(move || problem.get())}</strong>
            </p>
            <div class="actions">
                {run}
                {say}
                {small_button("small command-cancel", text.cancel, move || done(false))}
            </div>
        </div>
    }
    .into_any()
}
