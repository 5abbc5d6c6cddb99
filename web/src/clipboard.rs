//! Hands a link on: the system's share sheet, or the clipboard.

use js_sys::{Function, Object, Reflect};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::browser::{document, find, window};

/// Whether the system has a share sheet.
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
        // A sheet that was closed without sharing is nobody's fault.
        if let Ok(promise) = promise.dyn_into::<js_sys::Promise>() {
            let _ = JsFuture::from(promise).await;
        }
    });
}

/// Copies a text. Says whether it did.
pub async fn copy(text: &str) -> bool {
    // There is no clipboard on a page that came without TLS from another machine.
    let navigator = window().navigator();
    let has_clipboard =
        Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|found| !found.is_undefined());
    if has_clipboard && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok() {
        return true;
    }
    copy_selection(text).unwrap_or(false)
}

/// The old way: select a text field and ask the document to copy.
fn copy_selection(text: &str) -> Result<bool, JsValue> {
    let document = document();
    let field = document.create_element("textarea")?.dyn_into::<web_sys::HtmlTextAreaElement>()?;
    field.set_value(text);
    field.set_class_name("sr-only");
    // What is behind an open dialog cannot be selected.
    let Some(place) = find("dialog[open]").or_else(|| document.body()) else { return Ok(false) };
    let focused =
        document.active_element().and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok());
    place.append_child(&field)?;
    field.select();
    let is_copied = document.unchecked_ref::<web_sys::HtmlDocument>().exec_command("copy");
    field.remove();
    if let Some(focused) = focused {
        let _ = focused.focus();
    }
    is_copied
}
