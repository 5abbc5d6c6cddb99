//! Shares a link through the system's share sheet or the clipboard.

use js_sys::{Function, Object, Reflect};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlElement;

use crate::browser::{document, window};

/// Returns whether the system has a share sheet.
#[must_use]
pub fn has_share_sheet() -> bool {
    share_function().is_some()
}

fn share_function() -> Option<Function> {
    Reflect::get(&window().navigator(), &"share".into()).ok()?.dyn_into().ok()
}

/// Opens the system's share sheet.
pub fn share_sheet(title: &str, url: &str) {
    let Some(share) = share_function() else { return };
    let data = Object::new();
    let _ = Reflect::set(&data, &"title".into(), &title.into());
    let _ = Reflect::set(&data, &"url".into(), &url.into());
    let Ok(promise) = share.call1(&window().navigator(), &data) else { return };
    spawn_local(async move {
        // Closing the sheet without sharing rejects the promise, which is no error.
        if let Ok(promise) = promise.dyn_into::<js_sys::Promise>() {
            let _ = JsFuture::from(promise).await;
        }
    });
}

/// Copies a text. Returns whether that worked. `place` is an element on the page that is not inert.
pub async fn copy(text: &str, place: &HtmlElement) -> bool {
    // A page without TLS has no clipboard API, except on localhost.
    let navigator = window().navigator();
    let has_clipboard =
        Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|found| !found.is_undefined());
    if has_clipboard && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok() {
        return true;
    }
    copy_selection(text, place).unwrap_or(false)
}

/// Copies without a clipboard: selects a text field and asks the document to copy.
fn copy_selection(text: &str, place: &HtmlElement) -> Result<bool, JsValue> {
    let document = document();
    let field = document.create_element("textarea")?.dyn_into::<web_sys::HtmlTextAreaElement>()?;
    field.set_value(text);
    field.set_class_name("sr-only");
    // A field behind an open dialog cannot be selected, so it is put into the dialog.
    let focused = document.active_element().and_then(|it| it.dyn_into::<HtmlElement>().ok());
    place.append_child(&field)?;
    field.select();
    let is_copied = document.unchecked_ref::<web_sys::HtmlDocument>().exec_command("copy");
    field.remove();
    if let Some(focused) = focused {
        let _ = focused.focus();
    }
    is_copied
}
