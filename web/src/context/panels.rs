//! The parts of a room that open and close, and what the width of the window has room for.

use std::cell::RefCell;

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::{HtmlButtonElement, HtmlDialogElement};
use xmeet_shared::Nickname;

use crate::reactive::{ElementRef, Shared};
use crate::{browser, version};

/// The member list has room beside the messages; `styles/room.css` has the same width.
const MEMBERS_BESIDE: &str = "(min-width: 50rem)";

/// The header has room for few of its tools.
const NARROW: &str = "(max-width: 30rem)";

/// A handle to the state of the panels. Copies are the same state.
#[derive(Clone, Copy)]
pub struct Panels {
    /// A name that the server refused, until the form shows it.
    refused_name: Shared<RefCell<Option<Nickname>>>,
    /// The button that opens the member list.
    pub member_list_toggle: ElementRef<HtmlButtonElement>,
    /// The room menu.
    pub menu: ElementRef<HtmlDialogElement>,
    /// The share panel.
    pub share: ElementRef<HtmlDialogElement>,
    /// Whether the share panel was opened before: it loads its picture then.
    pub was_share_opened: RwSignal<bool>,
    /// Whether the form for the nickname is open.
    pub is_renaming: RwSignal<bool>,
    /// Whether the member list is open over the messages.
    pub is_member_list_open: RwSignal<bool>,
    /// Whether the member list has room beside the messages.
    is_member_list_beside: RwSignal<bool>,
    /// Whether the window is too narrow for all of the header's tools.
    pub is_narrow: RwSignal<bool>,
    /// Whether the browser does not keep the draft and the outbox.
    pub is_storage_failing: RwSignal<bool>,
    /// Whether the server has another version of this client.
    pub is_outdated: RwSignal<bool>,
}

impl Panels {
    pub(super) fn new() -> Self {
        Self {
            refused_name: Shared::new(RefCell::default()),
            member_list_toggle: ElementRef::new(),
            menu: ElementRef::new(),
            share: ElementRef::new(),
            was_share_opened: RwSignal::new(false),
            is_renaming: RwSignal::new(false),
            is_member_list_open: RwSignal::new(false),
            is_member_list_beside: RwSignal::new(browser::matches_media(MEMBERS_BESIDE)),
            is_narrow: RwSignal::new(browser::matches_media(NARROW)),
            is_storage_failing: RwSignal::new(false),
            is_outdated: RwSignal::new(false),
        }
    }

    /// Returns whether the member list is on the screen. Reactive.
    #[must_use]
    pub fn is_member_list_visible(self) -> bool {
        self.is_member_list_open.get() || self.is_member_list_beside.get()
    }

    /// Returns whether the member list stands beside the messages. Not reactive.
    #[must_use]
    pub fn has_member_list_beside(self) -> bool {
        self.is_member_list_beside.get_untracked()
    }

    /// Opens the room menu over the page. The browser moves the focus in and back.
    pub fn open_menu(self) {
        open(self.menu);
    }

    /// Closes the room menu.
    pub fn close_menu(self) {
        close(self.menu);
    }

    /// Opens the share panel over the page, and closes the menu.
    pub fn open_share(self) {
        self.close_menu();
        self.was_share_opened.set(true);
        open(self.share);
    }

    /// Closes the share panel.
    pub fn close_share(self) {
        close(self.share);
    }

    /// Closes the member list, and moves the focus to the button that opens it.
    pub fn close_member_list(self) {
        self.is_member_list_open.set(false);
        // The button is inert until then.
        browser::next_frame(move || {
            if let Some(toggle) = self.member_list_toggle.get() {
                let _ = toggle.focus();
            }
        });
    }

    /// Opens the form for the nickname, and closes what is open over the page.
    pub fn open_rename(self) {
        self.close_menu();
        self.is_member_list_open.set(false);
        self.is_renaming.set(true);
    }

    /// Opens the form for the nickname with a name that the server refused. A form that is already
    /// open keeps its newer text.
    pub(super) fn rename_again(self, name: Nickname) {
        if !self.is_renaming.get_untracked() {
            self.refused_name.get().replace(Some(name));
            self.is_renaming.set(true);
        }
    }

    /// Returns the name that the server refused, once.
    #[must_use]
    pub fn take_refused_name(self) -> Option<Nickname> {
        self.refused_name.get().take()
    }

    pub(super) fn check_version(self) {
        spawn_local(async move {
            if !self.is_outdated.get_untracked() && version::is_outdated().await {
                self.is_outdated.set(true);
            }
        });
    }

    pub(super) fn resized(self) {
        let is_beside = browser::matches_media(MEMBERS_BESIDE);
        // Beside the messages, the member list cannot be open over them.
        if self.is_member_list_open.get_untracked() && is_beside {
            self.is_member_list_open.set(false);
        }
        set_if_changed(self.is_member_list_beside, is_beside);
        set_if_changed(self.is_narrow, browser::matches_media(NARROW));
    }
}

fn open(dialog: ElementRef<HtmlDialogElement>) {
    if let Some(dialog) = dialog.get() {
        let _ = dialog.show_modal();
    }
}

fn close(dialog: ElementRef<HtmlDialogElement>) {
    if let Some(dialog) = dialog.get() {
        dialog.close();
    }
}

fn set_if_changed(signal: RwSignal<bool>, value: bool) {
    if signal.get_untracked() != value {
        signal.set(value);
    }
}
