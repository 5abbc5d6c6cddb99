//! The message box: its draft, which the browser keeps, and the mention menu over it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use web_sys::{HtmlTextAreaElement, HtmlUListElement};

use super::client::Client;
use super::panels::Panels;
use crate::mention_menu::{Choice, Completion, Menu};
use crate::mentions::{byte_at, units};
use crate::reactive::{ElementRef, Shared, Tracked};
use crate::{browser, storage};

/// How long changes of the draft are collected before they are written.
const COLLECT_MS: i32 = 500;

struct Inner {
    menu: Tracked<Menu>,
    /// The index of the choice of the menu that Enter takes.
    chosen: Tracked<usize>,
    /// The draft as the browser has it.
    saved_draft: RefCell<String>,
    is_save_scheduled: Cell<bool>,
}

/// A handle to the message box. Copies are the same box.
#[derive(Clone, Copy)]
pub struct MessageBox {
    client: Client,
    inner: Shared<Inner>,
    /// The text field.
    pub field: ElementRef<HtmlTextAreaElement>,
    /// The mention menu, with an element for each choice.
    pub menu: ElementRef<HtmlUListElement>,
    draft: RwSignal<String>,
}

impl MessageBox {
    pub(super) fn new(client: Client) -> Self {
        let draft = storage::draft(&client.room_id());
        let inner = Inner {
            menu: Tracked::new(Menu::default()),
            chosen: Tracked::new(0),
            saved_draft: RefCell::new(draft.clone()),
            is_save_scheduled: Cell::default(),
        };
        Self {
            client,
            inner: Shared::new(inner),
            field: ElementRef::new(),
            menu: ElementRef::new(),
            draft: RwSignal::new(draft),
        }
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get()
    }

    /// Returns the text field. `None` while it is not on the page.
    #[must_use]
    pub fn element(self) -> Option<HtmlTextAreaElement> {
        self.field.get()
    }

    /// Moves the focus into the text field.
    pub fn focus(self) {
        if let Some(field) = self.element() {
            let _ = field.focus();
        }
    }

    /// Reads the draft. Reactive.
    pub fn draft<R>(self, read: impl FnOnce(&String) -> R) -> R {
        self.draft.with(read)
    }

    /// Replaces the draft. The browser keeps it.
    pub fn set_draft(self, text: String) {
        self.draft.set(text);
        self.save_soon();
    }

    /// Puts a text back into the message box, before the draft.
    pub(super) fn give_back(self, text: &str) {
        let draft = self.draft.get_untracked();
        let both =
            if draft.trim().is_empty() { text.to_owned() } else { format!("{text}\n{draft}") };
        self.set_draft(both);
    }

    /// Writes the draft before the page ends, and when the storage fails says so in `panels`.
    pub(super) fn keep_draft(self, panels: Panels) {
        storage::on_failure(move || panels.is_storage_failing.set(true));
        // For `boot.js`, which keeps the draft after this program has crashed.
        let key = storage::draft_key(&self.client.room_id());
        browser::set_root_attribute("data-draft", Some(&key));
        for event in ["pagehide", "visibilitychange"] {
            browser::on(event, move || self.save());
        }
    }

    /// Writes the draft now, and once more after [`COLLECT_MS`] if it has changed by then.
    fn save_soon(self) {
        if self.inner().is_save_scheduled.replace(true) {
            return;
        }
        self.save();
        browser::after(COLLECT_MS, move || {
            self.inner().is_save_scheduled.set(false);
            self.save();
        });
    }

    fn save(self) {
        let draft = self.draft.get_untracked();
        if self.inner().saved_draft.replace(draft.clone()) != draft {
            storage::set_draft(&self.client.room_id(), &draft);
        }
    }

    /// Updates the menu after the text or the caret has changed. `units` is the caret's position in
    /// UTF-16 units, `None` while text is selected.
    pub fn caret_moved(self, units: Option<u32>) {
        let inner = self.inner();
        let draft = self.draft.get_untracked();
        let menu = units.map(|units| {
            let caret = byte_at(&draft, units);
            self.client.room(|room| {
                let follow = |menu: &Menu| menu.follow(&draft, caret, room.people(), room.me());
                inner.menu.read_untracked(follow)
            })
        });
        self.choose(0);
        inner.menu.set(menu.unwrap_or_default());
    }

    /// Updates the menu after members have joined, left or renamed themselves. The chosen member
    /// stays chosen.
    pub(super) fn members_changed(self) {
        let inner = self.inner();
        let before = inner.menu.read_untracked(Clone::clone);
        let menu = self.client.room(|room| {
            self.draft.with_untracked(|draft| before.refresh(draft, room.people(), room.me()))
        });
        if menu != before {
            self.choose(
                menu.index_of_chosen(&before, inner.chosen.read_untracked(|chosen| *chosen)),
            );
            inner.menu.set(menu);
        }
    }

    /// Closes the menu: no name is being typed at the caret.
    pub fn leave_menu(self) {
        self.inner().menu.set(Menu::default());
    }

    /// Closes the menu for as long as the caret stays behind the same `@`.
    pub fn dismiss_menu(self) {
        let inner = self.inner();
        inner.menu.set(inner.menu.read_untracked(Menu::closed));
    }

    /// Returns the choices of the menu, none while it is closed. Reactive.
    #[must_use]
    pub fn choices(self) -> Vec<Choice> {
        self.inner().menu.read(|menu| menu.choices().to_vec())
    }

    /// Returns the number of choices. Reactive.
    #[must_use]
    pub fn choice_count(self) -> usize {
        self.inner().menu.read(|menu| menu.choices().len())
    }

    /// Returns the index of the choice that Enter takes. Reactive.
    #[must_use]
    pub fn chosen(self) -> usize {
        self.inner().chosen.get()
    }

    /// Changes the choice that Enter takes.
    pub fn choose(self, index: usize) {
        self.inner().chosen.set(index);
    }

    /// Types a whole name in place of the part that was typed.
    pub fn complete(self, name: &str) {
        let draft = self.draft.get_untracked();
        let complete = |menu: &Menu| menu.complete(&draft, name);
        let completion = self.inner().menu.read_untracked(complete);
        if let (Some(field), Some(Completion { start, caret, end, text })) =
            (self.element(), completion)
        {
            let (before, after) = (units(&draft[start..caret]), units(&draft[caret..end]));
            browser::type_text(&field, &text, before, after);
        }
    }
}
