//! Who is mentioned, and the menu over the message box while a name is being typed.

use leptos::prelude::*;

use super::Store;
use crate::mention_menu::{Choice, Menu};
use crate::mentions::{byte_at, mentions};

impl Store {
    /// Whether a text mentions us. It is asked again when our own name changes, not when others
    /// come and go: what was meant stays what was meant.
    #[must_use]
    pub fn mentions_me(self, text: &str) -> bool {
        let inner = self.inner();
        inner.my_name.with(|name| {
            let mentions = |name: &str| mentions(text, name, inner.model.borrow().people());
            name.as_deref().is_some_and(mentions)
        })
    }

    /// The text changed, and its caret is after so many UTF-16 units, or something is selected.
    pub fn follow_caret(self, units: Option<u32>) {
        let inner = self.inner();
        let draft = self.draft.get_untracked();
        let menu = units.map(|units| {
            let (model, caret) = (inner.model.borrow(), byte_at(&draft, units));
            let follow = |menu: &Menu| menu.follow(&draft, caret, model.people(), model.me());
            inner.menu.with_untracked(follow)
        });
        self.choose(0);
        inner.menu.set(menu.unwrap_or_default());
    }

    /// The caret is elsewhere: no name is being typed.
    pub fn leave_menu(self) {
        self.inner().menu.set(Menu::default());
    }

    /// A person wants no menu for this `@`.
    pub fn close_menu(self) {
        let inner = self.inner();
        inner.menu.set(inner.menu.with_untracked(Menu::closed));
    }

    /// What the menu offers; nothing while it is closed. Reactive.
    #[must_use]
    pub fn choices(self) -> Vec<Choice> {
        self.inner().menu.with(|menu| menu.choices().to_vec())
    }

    /// How much the menu offers. Reactive.
    #[must_use]
    pub fn choice_count(self) -> u64 {
        self.inner().menu.with(|menu| menu.choices().len() as u64)
    }

    /// Makes this the choice that Enter takes.
    pub fn choose(self, index: u64) {
        if self.chosen.get_untracked() != index {
            self.chosen.set(index);
        }
    }

    /// The text with a whole name in it, in the part before the caret and all of it.
    #[must_use]
    pub fn completed(self, name: &str) -> Option<(String, String)> {
        let draft = self.draft.get_untracked();
        let complete = |menu: &Menu| menu.complete(&draft, name);
        let (text, caret) = self.inner().menu.with_untracked(complete)?;
        Some((text[..caret].to_owned(), text))
    }
}
