//! The reactive layer below the components: texts, attributes, conditions and lists that change.
//!
//! Leptos compiles its reactive code anew for every closure and every type of value. For a page of
//! this size that would be half of the program. So each kind of reactive part passes through one
//! concrete type here (a boxed closure, a trigger without a value), and components keep honest types.
//!
//! - `view`: texts, attributes and parts of a view that change, and effects
//! - `tracked`: a value of any type; `computed`: one that is computed from others; `shared`: one that
//!   does not change
//! - `element_ref`: a reference to an element
//! - `list`: keyed lists

mod computed;
mod element_ref;
mod list;
mod shared;
mod tracked;
mod view;

pub use computed::{Computed, memo};
pub use element_ref::ElementRef;
pub use list::{Keyed, ListKey, keyed_list};
pub use shared::Shared;
pub use tracked::Tracked;
pub use view::{
    Attribute, Flag, ReactiveText, aria_bool, attribute, dynamic, effect, flag, reactive_text,
    show_if,
};
