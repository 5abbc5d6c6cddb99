//! The broadcast channel between the tabs of this site.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

use crate::storage::site_keys;

/// A callback for messages of other tabs.
type Listener = Rc<dyn Fn(&str)>;

thread_local! {
    static CHANNEL: RefCell<Option<BroadcastChannel>> = const { RefCell::new(None) };
    static LISTENERS: RefCell<Vec<Listener>> = const { RefCell::new(Vec::new()) };
}

/// Opens the channel, if the browser has broadcast channels.
pub fn open() {
    let Ok(channel) = BroadcastChannel::new(&site_keys().site_wide("tabs")) else { return };
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(message) = event.data().as_string() else { return };
        let listeners = LISTENERS.with_borrow(Clone::clone);
        listeners.iter().for_each(|listener| listener(&message));
    });
    channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    CHANNEL.replace(Some(channel));
}

/// Returns whether messages can be posted to other tabs.
#[must_use]
pub fn is_open() -> bool {
    CHANNEL.with_borrow(Option::is_some)
}

/// Calls `run` with each message of another tab until the page closes.
pub fn listen(run: impl Fn(&str) + 'static) {
    LISTENERS.with_borrow_mut(|listeners| listeners.push(Rc::new(run)));
}

/// Posts a message to all other tabs. Returns false if there is no channel.
pub fn post(message: &str) -> bool {
    CHANNEL.with_borrow(|channel| {
        channel
            .as_ref()
            .is_some_and(|channel| channel.post_message(&JsValue::from_str(message)).is_ok())
    })
}
