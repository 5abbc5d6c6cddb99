//! A member's seal: the first character of the name on the member's colour.

use leptos::prelude::*;

use crate::identity;

/// A seal. It says nothing to a screen reader: the name stands beside it.
pub fn avatar(hue: u32, name: &str) -> AnyView {
    view! {
        <span class="avatar" data-hue=hue.to_string() aria-hidden="true">
            <span>{identity::initial(name)}</span>
        </span>
    }
    .into_any()
}
