//! Web Locks: only one page of this site can hold a lock. The browser releases the lock when its page
//! closes or crashes. A frozen page keeps its locks.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortController;

use crate::browser;
use crate::storage::site_keys;

thread_local! {
    /// The functions that release the locks of this page.
    static RELEASES: RefCell<HashMap<String, Function>> = RefCell::default();
}

/// The outcome of a request for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This page holds the lock.
    Held,
    /// Another page holds the lock.
    Taken,
    /// The browser has no locks, or refuses them because the page did not come over HTTPS.
    Unavailable,
}

/// Requests the lock `name` and holds it until [`release`]. Waits up to `wait_ms` for another page to
/// release it.
pub async fn acquire(name: &str, wait_ms: i32) -> Outcome {
    let Some((locks, request)) = manager() else { return Outcome::Unavailable };
    let options = options(wait_ms);
    let name = site_keys().site_wide(name);
    let outcome = Promise::new(&mut |resolve, _| {
        let on_lock = on_lock(name.clone(), resolve.clone());
        let asked = request.call3(&locks, &JsValue::from_str(&name), &options, &on_lock);
        spawn_local(async move {
            let ended = match asked {
                Ok(asked) => JsFuture::from(asked.unchecked_into::<Promise>()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                let was_late =
                    Reflect::get(&error, &"name".into()).is_ok_and(|name| name == "AbortError");
                let outcome = if was_late { JsValue::FALSE } else { JsValue::UNDEFINED };
                let _ = resolve.call1(&JsValue::NULL, &outcome);
            }
        });
    });
    match JsFuture::from(outcome).await.ok().and_then(|outcome| outcome.as_bool()) {
        Some(true) => Outcome::Held,
        Some(false) => Outcome::Taken,
        None => Outcome::Unavailable,
    }
}

/// Releases the lock `name` if this page holds it.
pub fn release(name: &str) {
    let name = site_keys().site_wide(name);
    if let Some(release) = RELEASES.with_borrow_mut(|releases| releases.remove(&name)) {
        let _ = release.call0(&JsValue::NULL);
    }
}

fn manager() -> Option<(JsValue, Function)> {
    let locks = Reflect::get(&browser::window().navigator(), &"locks".into()).ok()?;
    let request = Reflect::get(&locks, &"request".into()).ok()?.dyn_into().ok()?;
    Some((locks, request))
}

fn options(wait_ms: i32) -> JsValue {
    let options = Object::new();
    let controller = AbortController::new().ok().filter(|_| wait_ms > 0);
    let (name, value) = match controller {
        Some(controller) => {
            let signal = controller.signal();
            browser::after(wait_ms, move || controller.abort());
            ("signal", JsValue::from(signal))
        }
        None => ("ifAvailable", JsValue::TRUE),
    };
    let _ = Reflect::set(&options, &name.into(), &value);
    options.into()
}

/// Returns the callback that receives the lock, or null if another page holds it. The browser holds the
/// lock until the promise that the callback returns is resolved.
fn on_lock(name: String, resolve: Function) -> JsValue {
    Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let is_held = !lock.is_null() && !lock.is_undefined();
        let _ = resolve.call1(&JsValue::NULL, &JsValue::from_bool(is_held));
        if !is_held {
            return JsValue::UNDEFINED;
        }
        let mut held = |release: Function, _| {
            RELEASES.with_borrow_mut(|releases| releases.insert(name.clone(), release));
        };
        Promise::new(&mut held).into()
    })
}
