//! A member's avatar: the first character of the name on the member's colour.

use leptos::prelude::*;

use crate::identity;

/// Draws an avatar. Screen readers skip it, because the name stands beside it.
pub fn avatar(hue: u32, name: &str) -> AnyView {
    view! {
        <span class="avatar" data-hue=hue.to_string() aria-hidden="true">
            <span>{identity::initial(name)}</span>
        </span>
    }
    .into_any()
}
