//! The service worker of this site. If the browser has none or blocks it, the functions have no
//! effect.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::browser::{self, call, property};
use crate::storage::site_keys;

/// The time that a worker may take to become active.
const READY_MS: i32 = 3_000;

/// Returns the registration once its worker is active. Returns `None` after [`READY_MS`].
async fn registration() -> Option<JsValue> {
    let ready = property(&container()?, "ready")?;
    let late = Promise::new(&mut |resolve, _| {
        browser::after(READY_MS, move || drop(resolve.call0(&JsValue::NULL)));
    });
    let first = Promise::race(&js_sys::Array::of2(&ready, &late));
    JsFuture::from(first).await.ok().filter(JsValue::is_object)
}

/// Returns whether the worker can show notifications.
pub async fn can_notify() -> bool {
    registration().await.is_some_and(|worker| property(&worker, "showNotification").is_some())
}

/// Shows a notification. Returns whether the browser accepted it.
pub async fn notify(title: &str, options: &JsValue) -> bool {
    let Some(worker) = registration().await else { return false };
    let show = property(&worker, "showNotification").and_then(|show| show.dyn_into().ok());
    let shown = show.and_then(|show: js_sys::Function| {
        show.call2(&worker, &JsValue::from_str(title), options).ok()
    });
    resolved(shown).await.is_some()
}

/// Removes the worker and its caches.
pub async fn remove() {
    if let Some(container) = container() {
        let home = JsValue::from_str(&browser::home());
        let found = resolved(call(&container, "getRegistration", &home)).await;
        if let Some(worker) = found.filter(JsValue::is_object) {
            resolved(call(&worker, "unregister", &JsValue::UNDEFINED)).await;
        }
    }
    let Some(caches) = property(&browser::window(), "caches") else { return };
    let names = resolved(call(&caches, "keys", &JsValue::UNDEFINED)).await.unwrap_or_default();
    for name in js_sys::Array::from(&names).iter() {
        let is_ours = |name: &String| name.starts_with(site_keys().prefix());
        if name.as_string().is_some_and(|name| is_ours(&name)) {
            resolved(call(&caches, "delete", &name)).await;
        }
    }
}

fn container() -> Option<JsValue> {
    property(&browser::window().navigator(), "serviceWorker")
}

/// Returns the value of a promise. Returns `None` if there is no promise or if it is rejected.
async fn resolved(promise: Option<JsValue>) -> Option<JsValue> {
    JsFuture::from(promise?.dyn_into::<Promise>().ok()?).await.ok()
}
