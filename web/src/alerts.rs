//! How the browser calls somebody who is not looking: a notice of the system, and a sound.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, Notification, NotificationPermission};
use xmeet_shared::RoomId;

use crate::page::room_path;
use crate::{browser, worker};

/// The two notes of the sound: how high each is, and when it begins.
const NOTES_HZ_S: [(f32, f64); 2] = [(659.25, 0.0), (880.0, 0.14)];

/// How loud a note is at its height; 1 is as loud as it gets.
const LOUDNESS: f32 = 0.08;

/// How fast a note rises to that height, at once being a click, and how fast it fades.
const RISE_S: f64 = 0.01;
const FADE_S: f64 = 0.12;

/// How long a note stays there.
const HOLD_S: f64 = 0.06;

/// When the sound is over for sure.
const OVER_MS: i32 = 1_500;

/// What the person said to notices from this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing yet.
    Undecided,
    /// Yes.
    Granted,
    /// No, or the browser has none.
    Denied,
}

/// Whether notices may be shown.
#[must_use]
pub fn permission() -> Permission {
    // Some browsers have none, or only on pages that came over HTTPS.
    if !has(&browser::window(), "Notification") {
        return Permission::Denied;
    }
    match Notification::permission() {
        NotificationPermission::Granted => Permission::Granted,
        NotificationPermission::Default => Permission::Undecided,
        _ => Permission::Denied,
    }
}

/// Has the browser ask the person.
///
/// # Errors
/// When the browser does not even ask.
pub fn ask() -> Result<JsFuture, JsValue> {
    Notification::request_permission().map(JsFuture::from)
}

/// Whether a notification would be shown, as far as can be told without showing one. The worker can;
/// without a worker a first notification with these words is shown, for some browsers have the type
/// and refuse to make one.
pub async fn can_show(title: &str, body: &str, room: &RoomId) -> bool {
    worker::can_notify().await || show(title, body, room).await
}

/// Shows a notification in the place of an earlier one about the same room. A click on it leads to
/// that room. Returns whether the browser took it.
pub async fn show(title: &str, body: &str, room: &RoomId) -> bool {
    let options = options(body, room);
    let Ok(notice) = Notification::new_with_options(title, options.unchecked_ref()) else {
        // Browsers of phones let only the worker show one.
        return worker::notify(title, &options).await;
    };
    let clicked = notice.clone();
    let come_here = Closure::once_into_js(move || {
        let _ = browser::window().focus();
        clicked.close();
    });
    notice.set_onclick(Some(come_here.unchecked_ref()));
    true
}

fn options(body: &str, room: &RoomId) -> JsValue {
    let options = js_sys::Object::new();
    let path = room_path(&browser::site(), room);
    let parts: [(&str, JsValue); 4] = [
        ("body", body.into()),
        ("tag", room.as_str().into()),
        // One that replaces another calls again.
        ("renotify", true.into()),
        // For the worker, which opens it.
        ("data", path.into()),
    ];
    for (name, value) in parts {
        let _ = js_sys::Reflect::set(&options, &name.into(), &value);
    }
    options.into()
}

/// Two soft notes, one after the other. Silent where nobody has touched the page yet: browsers
/// allow no sound there, and complain.
pub fn chime() {
    let navigator = browser::window().navigator();
    let activation = js_sys::Reflect::get(&navigator, &"userActivation".into());
    let is_untouched = activation
        .and_then(|activation| js_sys::Reflect::get(&activation, &"hasBeenActive".into()))
        .is_ok_and(|is_touched| is_touched.is_falsy());
    if !is_untouched && let Ok(context) = AudioContext::new() {
        let _ = play(&context);
        browser::after(OVER_MS, move || {
            let _ = context.close();
        });
    }
}

fn play(context: &AudioContext) -> Result<(), JsValue> {
    let (note, volume) = (context.create_oscillator()?, context.create_gain()?);
    volume.gain().set_value(0.0);
    note.connect_with_audio_node(&volume)?.connect_with_audio_node(&context.destination())?;
    note.start()?;
    for (height_hz, after_s) in NOTES_HZ_S {
        let start = context.current_time() + after_s;
        note.frequency().set_target_at_time(height_hz, start, RISE_S / 10.0)?;
        volume.gain().set_target_at_time(LOUDNESS, start, RISE_S)?;
        volume.gain().set_target_at_time(0.0, start + HOLD_S, FADE_S)?;
    }
    Ok(())
}

fn has(object: &JsValue, name: &str) -> bool {
    js_sys::Reflect::has(object, &name.into()).unwrap_or(false)
}
