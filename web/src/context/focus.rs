//! Keeps the focus on the page when the element that has it is removed.

use std::cell::RefCell;

use web_sys::Element;

use super::list_view::ListView;
use super::message_box::MessageBox;
use crate::browser;
use crate::reactive::Shared;

/// A handle to the focus of the page.
#[derive(Clone, Copy)]
pub(super) struct Focus {
    list: ListView,
    message_box: MessageBox,
    /// The element that had the focus last.
    last: Shared<RefCell<Option<Element>>>,
}

impl Focus {
    pub(super) fn new(list: ListView, message_box: MessageBox) -> Self {
        Self { list, message_box, last: Shared::new(RefCell::default()) }
    }

    /// Watches which element has the focus, for as long as the page lives.
    pub(super) fn watch(self) {
        browser::on("focusin", move || self.set_last(browser::document().active_element()));
        browser::on("focusout", move || {
            browser::next_frame(move || {
                self.rescue();
                // A person who pressed on the page wants no element to have the focus.
                if browser::is_focus_nowhere() {
                    self.set_last(None);
                }
            });
        });
    }

    fn set_last(self, element: Option<Element>) {
        self.last.get().replace(element);
    }

    /// Moves the focus to the message box, or to the messages on a touch screen, with the next frame
    /// if the element that had it is not on the page any more.
    pub(super) fn rescue_next_frame(self) {
        browser::next_frame(move || self.rescue());
    }

    fn rescue(self) {
        let last = self.last.get();
        let is_removed = last.borrow().as_ref().is_some_and(|element| !element.is_connected());
        if !is_removed || !browser::is_focus_nowhere() {
            return;
        }
        // On a touch screen the message box would open the keyboard over the page.
        if browser::matches_media("(pointer: coarse)") {
            self.list.focus();
        } else {
            self.message_box.focus();
        }
    }
}
