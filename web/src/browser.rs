//! The few things that are asked of the browser, each in one place.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Document, FocusOptions, HtmlDialogElement, HtmlElement, HtmlTextAreaElement, KeyboardEvent,
    Storage, Window,
};
use xmeet_shared::UnixMillis;

/// The window.
///
/// # Panics
/// Outside a browser window, where this client does not run.
#[must_use]
pub fn window() -> Window {
    web_sys::window().expect("the client runs in a browser window")
}

/// The document.
///
/// # Panics
/// Outside a browser window, where this client does not run.
#[must_use]
pub fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Where the site begins: nothing, or what a proxy has put before it, as in `/chat`. `boot.js` knows
/// it by its own address.
#[must_use]
pub fn site() -> String {
    let page = document().document_element();
    page.and_then(|page| page.get_attribute("data-site")).unwrap_or_default()
}

/// The address of the front page.
#[must_use]
pub fn home() -> String {
    site() + "/"
}

/// The browser's clock.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds of this era fit")]
pub fn now() -> UnixMillis {
    js_sys::Date::now() as UnixMillis
}

/// A random number from 0 to 1.
#[must_use]
pub fn random() -> f64 {
    js_sys::Math::random()
}

/// What random texts are made of: letters and digits that are not taken for one another.
const RANDOM_LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// Letters that nobody guesses, of five random bits each.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is below 256")]
pub fn random_letters(count: usize) -> String {
    let mut bytes = vec![0; count];
    let is_drawn = window()
        .crypto()
        .is_ok_and(|crypto| crypto.get_random_values_with_u8_array(&mut bytes).is_ok());
    if !is_drawn {
        bytes.fill_with(|| (random() * 255.0) as u8);
    }
    bytes.iter().map(|byte| char::from(RANDOM_LETTERS[usize::from(byte % 32)])).collect()
}

/// How far the browser's time zone was ahead of UTC at `at`, in minutes.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "an offset is less than a day")]
pub fn offset_minutes(at: UnixMillis) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "a Date holds no more either")]
    let date = js_sys::Date::new(&(at as f64).into());
    let minutes = -date.get_timezone_offset();
    // A moment that no calendar has is NaN.
    if minutes.is_finite() { minutes as i32 } else { 0 }
}

/// Storage that outlives the browser; `None` where the person has turned it off.
#[must_use]
pub fn local_storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// Storage that lives as long as the tab.
#[must_use]
pub fn session_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// Whether a media query holds.
#[must_use]
pub fn matches_media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Whether the page is out of sight.
#[must_use]
pub fn is_hidden() -> bool {
    document().hidden()
}

/// Whether somebody is looking: the page is in sight, and its window has the keyboard.
#[must_use]
pub fn is_attended() -> bool {
    !is_hidden() && document().has_focus().unwrap_or(true)
}

/// The first element that a selector finds.
#[must_use]
pub fn find(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok().flatten()?.dyn_into().ok()
}

/// All elements that a selector finds, in their order.
#[must_use]
pub fn find_all(selector: &str) -> Vec<HtmlElement> {
    let Ok(found) = document().query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|index| found.item(index)?.dyn_into().ok()).collect()
}

/// Moves the keyboard to the first element that a selector finds.
pub fn focus(selector: &str) {
    if let Some(element) = find(selector) {
        let _ = element.focus();
    }
}

/// Moves the keyboard to an element, and the page not at all.
pub fn focus_in_place(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    let _ = element.focus_with_options(&options);
}

/// Moves the keyboard to a text field, with everything in it selected.
pub fn focus_and_select(selector: &str) {
    focus(selector);
    if let Some(Ok(input)) = find(selector).map(JsCast::dyn_into::<web_sys::HtmlInputElement>) {
        input.select();
    }
}

/// A text area that a selector finds.
fn text_area(selector: &str) -> Option<HtmlTextAreaElement> {
    find(selector)?.dyn_into().ok()
}

/// Where the caret of a text area stands, in UTF-16 units; `None` while text is selected.
#[must_use]
pub fn caret(selector: &str) -> Option<u32> {
    let area = text_area(selector)?;
    let (start, end) = (area.selection_start().ok()??, area.selection_end().ok()??);
    (start == end).then_some(start)
}

/// Puts a text into a text area, and the caret behind `before`, its first part.
pub fn put_text(selector: &str, text: &str, before: &str) {
    if let Some(area) = text_area(selector) {
        let caret = u32::try_from(before.encode_utf16().count()).unwrap_or(0);
        area.set_value(text);
        let _ = area.set_selection_range(caret, caret);
    }
}

/// Scrolls to the first element that a selector finds, where all around it cannot be seen at once.
pub fn show(selector: &str) {
    if let Some(element) = find(selector) {
        element.scroll_into_view_with_bool(false);
    }
}

fn dialog(selector: &str) -> Option<HtmlDialogElement> {
    find(selector)?.dyn_into().ok()
}

/// Opens a `<dialog>` over the page, which is out of reach until it is closed.
pub fn open_dialog(selector: &str) {
    if let Some(dialog) = dialog(selector) {
        let _ = dialog.show_modal();
    }
}

/// Closes a `<dialog>`, if it is open.
pub fn close_dialog(selector: &str) {
    if let Some(dialog) = dialog(selector) {
        dialog.close();
    }
}

/// Makes the browser forget a cookie of this site.
pub fn forget_cookie(name: &str) {
    let document = document();
    let _ = document
        .unchecked_ref::<web_sys::HtmlDocument>()
        .set_cookie(&format!("{name}=; Path=/; Max-Age=0; SameSite=Lax"));
}

/// Moves the keyboard to the first element that a selector finds, with the next frame: once what
/// is being drawn now is on the page.
pub fn focus_next_frame(selector: &'static str) {
    next_frame(move || focus(selector));
}

/// Does `run` with the next frame, before it is painted.
pub fn next_frame(run: impl FnOnce() + 'static) {
    let _ = window().request_animation_frame(once(Box::new(run)).unchecked_ref());
}

/// Does `run` after `wait_ms`.
pub fn after(wait_ms: i32, run: impl FnOnce() + 'static) {
    let run = once(Box::new(run));
    let _ = window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(run.unchecked_ref(), wait_ms);
}

/// Does `run` every `period_ms` for as long as the page lives.
pub fn every(period_ms: i32, run: impl Fn() + 'static) {
    let run = always(Box::new(run));
    let _ = window()
        .set_interval_with_callback_and_timeout_and_arguments_0(run.unchecked_ref(), period_ms);
}

/// Does `run` at each `event` of the window, for as long as the page lives.
pub fn on(event: &str, run: impl Fn() + 'static) {
    let run = always(Box::new(run));
    let _ = window().add_event_listener_with_callback(event, run.unchecked_ref());
}

/// Does `run` at each key that goes down, before anything else does, for as long as the page lives.
pub fn on_key(run: impl Fn(KeyboardEvent) + 'static) {
    let run = Closure::<dyn Fn(KeyboardEvent)>::new(run).into_js_value();
    let capture = true;
    let _ =
        window().add_event_listener_with_callback_and_bool("keydown", run.unchecked_ref(), capture);
}

fn once(run: Box<dyn FnOnce()>) -> JsValue {
    Closure::once_into_js(run)
}

fn always(run: Box<dyn Fn()>) -> JsValue {
    Closure::<dyn Fn()>::wrap(run).into_js_value()
}
