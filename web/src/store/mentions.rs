//! Who is mentioned, and the menu over the message box while a name is being typed.

use leptos::prelude::*;

use super::Store;
use crate::mention_menu::{Choice, Completion, Menu};
use crate::mentions::{byte_at, mentions, units};

impl Store {
    /// Whether a text mentions us. It is asked again when our own name changes, not when others
    /// come and go: what was meant stays what was meant.
    #[must_use]
    pub fn mentions_me(self, text: &str) -> bool {
        self.inner().my_name.with(|name| {
            let mentions = |name: &str| self.room(|room| mentions(text, name, room.people()));
            name.as_deref().is_some_and(mentions)
        })
    }

    /// The text changed, and its caret is after so many UTF-16 units, or something is selected.
    pub fn follow_caret(self, units: Option<u32>) {
        let inner = self.inner();
        let draft = self.draft.get_untracked();
        let menu = units.map(|units| {
            let caret = byte_at(&draft, units);
            self.room(|room| {
                let follow = |menu: &Menu| menu.follow(&draft, caret, room.people(), room.me());
                inner.menu.with_untracked(follow)
            })
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

    /// People came, went or took other names while the menu may be open: it follows, and the same
    /// member stays chosen.
    pub(super) fn refresh_menu(self) {
        let inner = self.inner();
        let before = inner.menu.with_untracked(Clone::clone);
        let menu = self.room(|room| {
            self.draft.with_untracked(|draft| before.refresh(draft, room.people(), room.me()))
        });
        if menu != before {
            let chosen = self.chosen.get_untracked() as usize;
            self.choose(menu.index_of_chosen(&before, chosen) as u64);
            inner.menu.set(menu);
        }
    }

    /// Returns what to type for a whole name, and how many UTF-16 units before and behind the caret
    /// it takes the place of.
    #[must_use]
    pub fn completed(self, name: &str) -> Option<(String, u32, u32)> {
        let draft = self.draft.get_untracked();
        let complete = |menu: &Menu| menu.complete(&draft, name);
        let Completion { start, caret, end, text } = self.inner().menu.with_untracked(complete)?;
        Some((text, units(&draft[start..caret]), units(&draft[caret..end])))
    }
}
