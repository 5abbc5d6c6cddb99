//! The menu over the message box while a name is being typed. The focus stays in the text field; the
//! choice that Enter takes is the field's active descendant. (A text area cannot be a `combobox`, so
//! it has no `aria-expanded` either.) ARIA attributes go through `custom_attribute`: the typed ones
//! would each add code to the page.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;

use super::avatar::avatar;
use super::icon::{self, Icon};
use super::name_marks::{name_marks, named};
use crate::context::{ListView, MessageBox, Panels, RoomView};
use crate::mention_menu::Choice;
use crate::reactive::{Attribute, aria_bool, attribute, keyed_list};
use crate::room::members::Person;
use crate::settings::Settings;

/// The menu of the message box. Copies are the same menu.
#[derive(Clone, Copy)]
pub struct MentionMenu {
    message_box: MessageBox,
    list: ListView,
    panels: Panels,
}

impl MentionMenu {
    /// Returns the menu of the page's room.
    #[must_use]
    pub fn get() -> Self {
        Self { message_box: MessageBox::get(), list: ListView::get(), panels: Panels::get() }
    }

    /// Returns the `aria-activedescendant` of the text field.
    #[must_use]
    pub fn active_descendant(self) -> Attribute {
        attribute(move || {
            (self.message_box.choice_count() > 0).then(|| option_id(self.message_box.chosen()))
        })
    }

    /// Acts on a key that was pressed in the text field. Returns whether the key was the menu's.
    #[must_use]
    pub fn pressed(self, key: &str) -> bool {
        let (count, chosen) =
            untrack(|| (self.message_box.choice_count(), self.message_box.chosen()));
        if count == 0 {
            return false;
        }
        match key {
            "ArrowDown" => self.step_to((chosen + 1) % count),
            "ArrowUp" => self.step_to((chosen + count - 1) % count),
            "Enter" | "Tab" => self.take(chosen),
            "Escape" => self.message_box.dismiss_menu(),
            // These keys move the caret away from the name.
            "ArrowLeft" | "ArrowRight" | "Home" | "End" => {
                self.message_box.leave_menu();
                return false;
            }
            _ => return false,
        }
        true
    }

    fn step_to(self, index: usize) {
        self.message_box.choose(index);
        let option = self
            .message_box
            .menu
            .get()
            .and_then(|menu| menu.children().item(u32::try_from(index).ok()?));
        if let Some(option) = option {
            option.scroll_into_view_with_bool(false);
        }
    }

    fn take(self, index: usize) {
        match untrack(|| self.message_box.choices()).into_iter().nth(index) {
            Some(Choice::Member(person)) => self.message_box.complete(&person.name),
            Some(Choice::Rename) => {
                self.message_box.set_draft(String::new());
                self.panels.open_rename();
            }
            Some(Choice::Older) => {
                self.message_box.set_draft(String::new());
                self.list.to_oldest();
            }
            None => {}
        }
        self.message_box.leave_menu();
    }

    /// Draws the menu. While it is closed it is empty and invisible.
    pub fn draw(self) -> AnyView {
        let message_box = self.message_box;
        let options = move || (0..).zip(message_box.choices()).collect();
        view! {
            <ul
                id="mentions"
                class="mentions"
                node_ref=message_box.menu
                role="listbox"
                aria-label=Settings::text().mention_menu
            >
                {keyed_list(options, option)}
            </ul>
        }
        .into_any()
    }
}

fn option_id(index: usize) -> String {
    format!("mention-{index}")
}

fn option((index, choice): (usize, Choice)) -> AnyView {
    let (text, room) = (Settings::text(), RoomView::get());
    let menu = MentionMenu::get();
    let body = match choice {
        Choice::Member(Person { pid, name }) => {
            let style = untrack(|| room.name_style(&pid, &name));
            named(avatar(style.hue, &name), name.to_string(), name_marks(&pid, style))
        }
        Choice::Rename => command(icon::PENCIL, text.rename),
        Choice::Older => command(icon::PAST, text.command_older),
    };
    let is_chosen = aria_bool(move || menu.message_box.chosen() == index);
    // The press must not take the focus from the field: a phone would hide its keyboard.
    let keep_focus = |event: web_sys::MouseEvent| event.prevent_default();
    view! {
        <li
            id=option_id(index)
            role="option"
            {..custom_attribute("aria-selected", is_chosen)}
            on:mousedown=keep_focus
            on:click=move |_| menu.take(index)
        >
            {body}
        </li>
    }
    .into_any()
}

fn command(path: &'static str, words: &'static str) -> AnyView {
    named(view! { <Icon path/> }.into_any(), words.to_owned(), [None, None])
}
