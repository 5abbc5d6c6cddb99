//! Keyed lists: what is in a list already is not drawn again. One list type for all lists of a
//! room, for the same reason as in `live`.

use leptos::prelude::*;

use super::announcer::announcement;
use super::member_list::entry;
use super::mention_menu::option;
use super::row::row_view;
use crate::mention_menu::Choice;
use crate::room::RowKey;
use crate::room::members::Person;

/// Something in a list.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Item {
    /// A row of the messages.
    Row(RowKey),
    /// A member, under this name.
    Person(Person),
    /// Something that is read aloud, by its number.
    Announcement(u64),
    /// Something to choose, at its place in the menu.
    Choice(u64, Choice),
}

/// The list.
pub fn each(items: impl Fn() -> Vec<Item> + Send + 'static) -> AnyView {
    draw(Box::new(items))
}

fn draw(items: Box<dyn Fn() -> Vec<Item> + Send>) -> AnyView {
    let view = |item: Item| match item {
        Item::Row(key) => row_view(key),
        Item::Person(person) => entry(person),
        Item::Announcement(number) => announcement(number),
        Item::Choice(index, choice) => option(index, choice),
    };
    view! { <For each=items key=Item::clone children=view/> }.into_any()
}
