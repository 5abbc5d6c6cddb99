//! The message list: its elements, its place, and the ways to go elsewhere in it.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use web_sys::{HtmlDivElement, HtmlElement};
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId};

use super::client::Client;
use crate::core::{Input, OLDEST};
use crate::reactive::{ElementRef, Shared};
use crate::scroll::{Place, Scroller};

/// The head of a list above which nothing can be loaded.
const BEGINNING: &str = ":is([data-row=beginning], [data-row=gone], [data-row=unkept])";

/// The unread line.
const UNREAD_LINE: &str = "[data-row=unread]";

/// Older messages are loaded when the view comes this close to the top.
const LOAD_AHEAD_PX: f64 = 600.0;

/// A gap is filled when it comes this close to the view.
const FILL_AHEAD_PX: f64 = 300.0;

#[derive(Default)]
struct Inner {
    /// `None` while no list is on the page.
    scroller: RefCell<Option<Rc<Scroller>>>,
    /// Where the list was left, for when the page is drawn in another language.
    left_at: RefCell<Option<Place>>,
}

/// A handle to the message list. Copies are the same list.
#[derive(Clone, Copy)]
pub struct ListView {
    client: Client,
    inner: Shared<Inner>,
    /// The element that scrolls.
    pub log: ElementRef<HtmlDivElement>,
    /// The element in it that holds the rows.
    pub content: ElementRef<HtmlDivElement>,
    /// Whether the list is at the bottom and stays there.
    pub is_at_bottom: RwSignal<bool>,
}

impl ListView {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            inner: Shared::new(Inner::default()),
            log: ElementRef::new(),
            content: ElementRef::new(),
            is_at_bottom: RwSignal::new(true),
        }
    }

    /// Returns the element that scrolls. `None` while it is not on the page.
    #[must_use]
    pub fn element(self) -> Option<HtmlElement> {
        self.log.get().map(HtmlElement::from)
    }

    /// Moves the focus to the list.
    pub fn focus(self) {
        if let Some(log) = self.element() {
            let _ = log.focus();
        }
    }

    pub(super) fn scroller(self) -> Option<Rc<Scroller>> {
        self.inner.get().scroller.borrow().clone()
    }

    /// Starts to keep the reader's place once the list is on the page: the place that was left
    /// when the page was drawn in another language, or else the unread line, or the bottom.
    pub fn attach(self) {
        let (Some(log), Some(content)) = (self.element(), self.content.get()) else {
            return;
        };
        let is_opening = self.client.room(|room| room.unread().is_opening());
        let goal = is_opening.then(|| UNREAD_LINE.to_owned());
        let left_at = self.inner.get().left_at.borrow().clone();
        let moved = move |scroller: &Scroller| self.moved(scroller);
        let scroller = Scroller::watch(log, content.into(), left_at, goal, moved);
        self.before_rows_change(&scroller);
        self.inner.get().scroller.replace(Some(scroller));
    }

    /// Forgets the list, which is being removed from the page.
    pub fn detach(self) {
        self.inner.get().scroller.take();
    }

    /// Prepares for a change of the rows.
    pub(super) fn before_rows_change(self, scroller: &Scroller) {
        scroller.before_rows_change(self.client.room(|room| room.log().tail().is_some()));
    }

    /// Restores the reader's place after the rows have changed.
    pub fn rows_changed(self) {
        if let Some(scroller) = self.scroller() {
            scroller.after_rows_change();
        }
    }

    /// After each change of place: loads the messages that are near, and tells the core which were
    /// seen.
    fn moved(self, scroller: &Scroller) {
        let is_at_bottom = scroller.is_at_bottom();
        if self.is_at_bottom.get_untracked() != is_at_bottom {
            self.is_at_bottom.set(is_at_bottom);
        }
        self.client.input(Input::ScrollChanged { is_at_bottom, is_aiming: scroller.has_goal() });
        self.inner.get().left_at.replace(scroller.place());
        if scroller.top() < LOAD_AHEAD_PX {
            self.client.load_older(false);
        }
        for (gap, is_below) in scroller.near("[data-row=gap]", FILL_AHEAD_PX) {
            // A gap is filled from the side from which the reader comes.
            let is_from_above = is_below || gap.has_attribute("data-tail");
            let side = if is_from_above { "data-first" } else { "data-last" };
            if let Some(target) = gap.get_attribute(side).and_then(|id| id.parse().ok()) {
                self.client.load(target, false);
            }
        }
    }

    fn scroll(self, act: impl FnOnce(&Scroller)) {
        if let Some(scroller) = self.scroller() {
            act(&scroller);
        }
    }

    /// Goes to the newest message and stays at the bottom. Loads it first if it is not here.
    pub fn to_bottom(self) {
        self.client.input(Input::GoToNewest);
        self.scroll(Scroller::to_bottom);
    }

    /// Goes to the oldest message that is kept. Loads it first if it is not here.
    pub fn to_oldest(self) {
        self.go_to(OLDEST, |scroller| {
            scroller.to_top();
            scroller.set_goal(BEGINNING.to_owned());
        });
    }

    /// Goes to the newest message of a history page. Returns false if the history does not go back
    /// that far.
    #[must_use]
    pub fn to_page(self, page: Cursor) -> bool {
        let newest = self.client.core(|core| core.status().newest);
        let target = page
            .0
            .checked_mul(HISTORY_PAGE_MESSAGES)
            .and_then(|back| newest.checked_sub(back))
            .filter(|target| *target > 0);
        if let Some(target) = target {
            let goal = format!("[data-id=\"{target}\"]");
            self.go_to(target, |scroller| scroller.set_goal(goal));
        }
        target.is_some()
    }

    fn go_to(self, target: MessageId, act: impl FnOnce(&Scroller)) {
        // The input comes first: a list that moves requests pages itself.
        self.client.input(Input::GoTo(target));
        self.scroll(act);
    }

    pub(super) fn clear_goal(self) {
        self.scroll(Scroller::clear_goal);
    }
}
