//! Says that the server has a new version of this page, and loads it when that suits the person.

use leptos::prelude::*;

use super::button::small_button;
use super::live::when;
use crate::browser;
use crate::settings::Settings;
use crate::store::Store;

/// The notice. What is half typed is kept in the browser, and there again afterwards.
pub fn new_version() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let notice = move || {
        let reload = small_button("small new-version-reload", text.reload, || {
            let _ = browser::window().location().reload();
        });
        view! {
            <div class="strip calm new-version"><span>{text.new_version}</span>{reload}</div>
        }
    };
    view! { <div role="status">{when(move || store.is_outdated.get(), notice)}</div> }.into_any()
}
