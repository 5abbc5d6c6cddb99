//! Keyed lists. An item that was in the list before keeps its elements.

use std::sync::Arc;

use leptos::prelude::*;

use crate::mention_menu::Choice;
use crate::room::RowKey;
use crate::room::members::Person;

/// The key of an item in any list of the page: one type, so that the list is compiled once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ListKey {
    /// A row of the messages.
    Row(RowKey),
    /// A member, with its present name.
    Member(Person),
    /// An announcement, by its number.
    Announcement(u64),
    /// A choice of the mention menu, with its place there.
    Choice((usize, Choice)),
}

/// An item that is its own key.
pub trait Keyed: Sized + 'static {
    /// Returns the key of the item.
    fn into_key(self) -> ListKey;

    /// Returns the item of a key. `None` if the key belongs to another kind of item.
    fn from_key(key: ListKey) -> Option<Self>;
}

macro_rules! keyed {
    ($($item:ty => $variant:ident,)+) => {
        $(impl Keyed for $item {
            fn into_key(self) -> ListKey {
                ListKey::$variant(self)
            }

            fn from_key(key: ListKey) -> Option<Self> {
                match key {
                    ListKey::$variant(item) => Some(item),
                    _ => None,
                }
            }
        })+
    };
}

keyed! {
    RowKey => Row,
    Person => Member,
    u64 => Announcement,
    (usize, Choice) => Choice,
}

/// Draws each item once, and moves or removes its elements as `items` changes.
pub fn keyed_list<T: Keyed>(
    items: impl Fn() -> Vec<T> + Send + 'static,
    draw: fn(T) -> AnyView,
) -> AnyView {
    let keys = move || items().into_iter().map(Keyed::into_key).collect();
    list(Box::new(keys), Arc::new(move |key| T::from_key(key).map(draw)))
}

type Keys = Box<dyn Fn() -> Vec<ListKey> + Send>;
type DrawKey = Arc<dyn Fn(ListKey) -> Option<AnyView> + Send + Sync>;

fn list(keys: Keys, draw: DrawKey) -> AnyView {
    let view = move |key: ListKey| draw(key);
    view! { <For each=keys key=ListKey::clone children=view/> }.into_any()
}
