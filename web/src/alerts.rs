//! System notifications and their sound.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, Notification, NotificationPermission};
use xmeet_shared::RoomId;

use crate::page::room_path;
use crate::{browser, worker};

/// The frequency and the start of the two notes of the sound.
const NOTES_HZ_S: [(f32, f64); 2] = [(659.25, 0.0), (880.0, 0.14)];

/// The peak volume of a note; 1 is the maximum.
const LOUDNESS: f32 = 0.08;

/// The time constant of a note's rise. An instant rise would click.
const RISE_S: f64 = 0.01;

/// The time constant of a note's fade.
const FADE_S: f64 = 0.12;

/// The time from a note's start to its fade.
const HOLD_S: f64 = 0.06;

/// The time after which the sound has certainly ended.
const OVER_MS: i32 = 1_500;

/// The permission for notifications of this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// The person has not decided.
    Undecided,
    /// The person has allowed them.
    Granted,
    /// The person has denied them, or the browser has no notifications.
    Denied,
}

/// Returns the permission for notifications.
#[must_use]
pub fn permission() -> Permission {
    // Some browsers have no notifications, or only on pages that came over HTTPS.
    if !has(&browser::window(), "Notification") {
        return Permission::Denied;
    }
    match Notification::permission() {
        NotificationPermission::Granted => Permission::Granted,
        NotificationPermission::Default => Permission::Undecided,
        _ => Permission::Denied,
    }
}

/// Makes the browser ask the person for permission. The future ends with the decision.
///
/// # Errors
/// The browser refuses to ask.
pub fn ask() -> Result<JsFuture, JsValue> {
    Notification::request_permission().map(JsFuture::from)
}

/// Returns whether notifications can be shown. Without a service worker it shows a notification to find
/// out, because some browsers have the type and refuse to create one.
pub async fn can_show(title: &str, body: &str, room: &RoomId) -> bool {
    worker::can_notify().await || show(title, body, room).await
}

/// Shows a notification, which replaces the earlier one about the same room. A click on it leads to the
/// room. Returns whether the browser accepted it.
pub async fn show(title: &str, body: &str, room: &RoomId) -> bool {
    let options = options(body, room);
    let Ok(notice) = Notification::new_with_options(title, options.unchecked_ref()) else {
        // On phones only the service worker can show notifications.
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
        // A replacing notification alerts again.
        ("renotify", true.into()),
        // The service worker opens this path on a click.
        ("data", path.into()),
    ];
    for (name, value) in parts {
        let _ = js_sys::Reflect::set(&options, &name.into(), &value);
    }
    options.into()
}

/// Plays two soft notes. Plays nothing before the first interaction with the page, when browsers forbid
/// sound and log a warning.
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
