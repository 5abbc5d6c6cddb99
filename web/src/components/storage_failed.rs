//! Says that the browser does not keep what is unsent, until that is dismissed.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use super::live::when;
use crate::settings::Settings;
use crate::store::Store;

/// The notice.
pub fn storage_failed() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let notice = move || {
        let dismiss = icon_button("quiet storage-dismiss", text.dismiss, icon::CROSS, move || {
            store.storage_failed.set(false);
        });
        view! {
            <p class="strip bad"><span class="storage-failed">{text.storage_failed}</span>{dismiss}</p>
        }
    };
    view! { <div role="status">{when(move || store.storage_failed.get(), notice)}</div> }.into_any()
}
