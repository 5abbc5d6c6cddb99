//! This tab: the secret by which the server knows its member again, and whether the tab is a copy
//! of another one, which must not share that secret.
//!
//! A duplicated tab starts with a copy of its original's session storage. A mark in there says that
//! a page is open, and goes with the page; whoever finds it was copied, or follows a crash. The
//! other tabs know which.

use std::cell::{Cell, RefCell};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

use crate::{browser, prefs};

/// The channel on which the tabs of this site hear each other.
const CHANNEL: &str = "xmeet.tabs";

/// How long an original has to speak up.
const ORIGINAL_ANSWERS_MS: i32 = 200;

/// Letters of a token, of five random bits each: 140 bits.
const TOKEN_LETTERS: usize = 28;

/// What an original puts before its token when it answers.
const IS_MINE: char = '!';

thread_local! {
    static TOKEN: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether an original has spoken up.
    static IS_COPY: Cell<bool> = const { Cell::new(false) };
}

/// Finds out who this tab is, and then does `run`: at once, unless it may be a copy.
pub fn begin(run: impl FnOnce() + 'static) {
    let was_open = prefs::is_tab_open();
    prefs::set_tab_open(true);
    browser::on("pagehide", || prefs::set_tab_open(false));
    browser::on("pageshow", || prefs::set_tab_open(true));
    match prefs::session() {
        Some(token) => TOKEN.set(token),
        None => draw_token(),
    }
    let channel = BroadcastChannel::new(CHANNEL).ok();
    if let Some(channel) = &channel {
        listen(channel);
    }
    match channel {
        Some(channel) if was_open => {
            let _ = channel.post_message(&JsValue::from_str(&token()));
            browser::after(ORIGINAL_ANSWERS_MS, move || {
                if IS_COPY.get() {
                    draw_token();
                    // The original sends what waits in there, and goes by those ids.
                    prefs::forget_outboxes_and_pids();
                }
                run();
            });
        }
        _ => run(),
    }
}

/// The secret of this tab.
#[must_use]
pub fn token() -> String {
    TOKEN.with_borrow(Clone::clone)
}

/// Draws another secret: somebody else goes by the one there was.
pub fn draw_token() {
    let token = browser::random_letters(TOKEN_LETTERS);
    prefs::set_session(&token);
    TOKEN.set(token);
}

fn listen(channel: &BroadcastChannel) {
    let speaker = channel.clone();
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(heard) = event.data().as_string() else { return };
        let own = token();
        if heard == own {
            let _ = speaker.post_message(&JsValue::from_str(&format!("{IS_MINE}{own}")));
        } else if heard.strip_prefix(IS_MINE) == Some(&own) {
            IS_COPY.set(true);
        }
    });
    channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
}
