//! The menu over the message box while a name is being typed. The keyboard stays in the box; the
//! choice that Enter takes is its active descendant. (A text area can be no `combobox`, so it has
//! no `aria-expanded` either.) ARIA attributes of its own are set as custom ones, which the page has
//! the code for already.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;

use super::avatar::avatar;
use super::each::{Item, each};
use super::icon::{self, Icon};
use super::live::{Attribute, attribute, truth};
use super::name_marks::{name_marks, named};
use crate::browser;
use crate::mention_menu::Choice;
use crate::room::members::Person;
use crate::settings::Settings;
use crate::store::Store;

/// The field that it belongs to.
const FIELD: &str = "#composer";

/// The field's `aria-activedescendant`.
pub fn active(store: Store) -> Attribute {
    attribute(move || (store.choice_count() > 0).then(|| option_id(store.chosen.get())))
}

fn option_id(index: u64) -> String {
    format!("mention-{index}")
}

/// Whether a key that was pressed in the field is the menu's; then it is done.
pub fn takes(store: Store, key: &str) -> bool {
    let (count, chosen) = (untrack(|| store.choice_count()), store.chosen.get_untracked());
    if count == 0 {
        return false;
    }
    match key {
        "ArrowDown" => step_to(store, (chosen + 1) % count),
        "ArrowUp" => step_to(store, (chosen + count - 1) % count),
        "Enter" | "Tab" => take(store, chosen),
        "Escape" => store.close_menu(),
        // The caret leaves the name.
        "ArrowLeft" | "ArrowRight" | "Home" | "End" => {
            store.leave_menu();
            return false;
        }
        _ => return false,
    }
    true
}

fn step_to(store: Store, index: u64) {
    store.choose(index);
    browser::show(&format!("#{}", option_id(index)));
}

fn take(store: Store, index: u64) {
    let choice = untrack(|| store.choices()).into_iter().nth(index as usize);
    match choice {
        Some(Choice::Member(person)) => {
            if let Some((completion, before, after)) = store.completed(&person.name) {
                browser::type_text(FIELD, &completion, before, after);
            }
        }
        Some(Choice::Rename) => {
            store.set_draft(String::new());
            store.is_renaming.set(true);
        }
        Some(Choice::Older) => {
            store.set_draft(String::new());
            store.to_oldest();
        }
        None => {}
    }
    store.leave_menu();
}

/// The menu. While it is closed it is empty, and not to be seen.
pub fn mention_menu() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let options = move || (0..).zip(store.choices()).map(|(at, choice)| Item::Choice(at, choice));
    view! {
        <ul
            id="mentions"
            class="mentions"
            role="listbox"
            aria-label=text.mention_menu
        >
            {each(move || options().collect())}
        </ul>
    }
}

/// One choice.
pub fn option(index: u64, choice: Choice) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let body = match choice {
        Choice::Member(Person { pid, name }) => {
            let style = untrack(|| store.name_style(&pid, &name));
            named(avatar(style.hue, &name), name.to_string(), name_marks(&pid, style))
        }
        Choice::Rename => command(icon::PENCIL, text.command_do_rename),
        Choice::Older => command(icon::PAST, text.command_older),
    };
    // The field keeps the focus, and a phone its keyboard.
    let keep_focus = |event: web_sys::MouseEvent| event.prevent_default();
    view! {
        <li
            id=option_id(index)
            role="option"
            {..custom_attribute("aria-selected", truth(move || store.chosen.get() == index))}
            on:mousedown=keep_focus
            on:click=move |_| take(store, index)
        >
            {body}
        </li>
    }
    .into_any()
}

fn command(path: &'static str, words: &'static str) -> AnyView {
    named(view! { <Icon path/> }.into_any(), words.to_owned(), [None, None])
}
