//! Asks about a draft that the server would execute as a command: execute it, or send it as text.

use leptos::prelude::*;
use xmeet_shared::{ClientCommand, CommandError, Cursor, Nickname};

use super::button::label_button;
use crate::context::{Client, ListView, Sender};
use crate::i18n::Text;
use crate::reactive::reactive_text;
use crate::settings::Settings;

/// The command in a draft.
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

    /// Returns the question about the command.
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

    /// Returns the label of the button that executes the command. `None` if it cannot be executed.
    fn action(&self, text: &Text) -> Option<&'static str> {
        match self {
            Self::Rename(_) => Some(text.command_do_rename),
            Self::History(_) => Some(text.command_do_history),
            Self::BadPage | Self::BadName | Self::Private => None,
        }
    }

    /// Executes the command.
    ///
    /// # Errors
    /// The reason why it cannot be executed, as text of the page.
    fn run(&self, client: Client, list: ListView, text: &Text) -> Result<(), &'static str> {
        match self {
            Self::Rename(name) => client.rename(name.clone()).map_err(|_| text.rename_offline),
            Self::History(page) if list.to_page(*page) => Ok(()),
            Self::History(_) => Err(text.no_such_page),
            Self::BadPage | Self::BadName | Self::Private => Ok(()),
        }
    }
}

/// Draws the question about `typed`. `answered` runs after the answer, with whether the message box is
/// to be emptied.
pub fn command_notice(typed: String, answered: impl Fn(bool) + Copy + 'static) -> AnyView {
    let (text, client, list) = (Settings::text(), Client::get(), ListView::get());
    let sender = Sender::get();
    let meaning = Meaning::of(&typed);
    let problem = RwSignal::new(String::new());
    let explanation = meaning.words(text);
    let run = meaning.action(text).map(|action| {
        label_button("small command-run", action, move || {
            if client.is_paused() {
                return;
            }
            match meaning.run(client, list, text) {
                Ok(()) => answered(true),
                Err(reason) => problem.set(reason.to_owned()),
            }
        })
    });
    let say = label_button("small command-say", text.command_say, move || {
        if client.is_paused() {
            return;
        }
        // The server treats a text that begins with a space as a message.
        sender.say(&format!(" {typed}"));
        answered(true);
    });
    view! {
        <div class="banner command-notice" role="status">
            <p>
                {explanation}" "<span class="soft">{text.command_say_hint}</span>" "
                <strong>{reactive_text(move || problem.get())}</strong>
            </p>
            <div class="actions">
                {run}
                {say}
                {label_button("small command-cancel", text.cancel, move || answered(false))}
            </div>
        </div>
    }
    .into_any()
}
