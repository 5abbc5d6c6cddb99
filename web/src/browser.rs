//! The few things that are asked of the browser, each in one place.

use std::cell::RefCell;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Document, Element, FocusOptions, HtmlElement, HtmlTextAreaElement, KeyboardEvent, Window,
};
use xmeet_shared::UnixMillis;

use crate::connection::clock::{Clock, Millis};
use crate::encoding::whole_characters;
use crate::mentions;

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
    /// Objects that must not be collected while the page lives.
    static KEPT: RefCell<Vec<JsValue>> = const { RefCell::new(Vec::new()) };
}

/// Returns the window.
///
/// # Panics
/// Outside a browser window, where this client does not run.
#[must_use]
pub fn window() -> Window {
    web_sys::window().expect("the client runs in a browser window")
}

/// Returns the document.
///
/// # Panics
/// Outside a browser window, where this client does not run.
#[must_use]
pub fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Returns the path prefix of the site: empty, or the prefix that a proxy adds, as `/chat`. `boot.js`
/// derives it from its own address.
#[must_use]
pub fn site() -> String {
    let page = document().document_element();
    page.and_then(|page| page.get_attribute("data-site")).unwrap_or_default()
}

/// Returns whether the service worker delivered this page from its cache.
#[must_use]
pub fn was_kept() -> bool {
    document().document_element().is_some_and(|page| page.has_attribute("data-kept"))
}

/// Returns the address of the front page.
#[must_use]
pub fn home() -> String {
    site() + "/"
}

/// Returns the time of the browser's clock.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds of this era fit")]
pub fn now() -> UnixMillis {
    js_sys::Date::now() as UnixMillis
}

/// Returns milliseconds of a monotonic clock that also counts while the machine sleeps.
#[must_use]
pub fn elapsed_ms() -> Millis {
    let monotonic_ms = window().performance().map_or(0.0, |performance| performance.now());
    CLOCK.with_borrow_mut(|clock| clock.read(monotonic_ms, js_sys::Date::now()))
}

/// Returns a text trimmed and in each letter case, or nothing for white space. The browser converts
/// the case: the tables for that would be a tenth of this program.
#[must_use]
pub fn spellings(typed: &str) -> Vec<String> {
    let typed = typed.trim();
    let Some(first) = typed.chars().next() else { return Vec::new() };
    let upper = |text: &str| String::from(js_sys::JsString::from(text).to_upper_case());
    let lower = String::from(js_sys::JsString::from(typed).to_lower_case());
    let capital = upper(&first.to_string()) + lower.get(first.len_utf8()..).unwrap_or_default();
    vec![typed.to_owned(), upper(typed), lower, capital]
}

/// Returns a random number from 0 to 1.
#[must_use]
pub fn random() -> f64 {
    js_sys::Math::random()
}

/// The characters of random texts: letters and digits that are not mistaken for one another.
const RANDOM_LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// Returns characters of five cryptographically random bits each.
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

/// Returns the offset of the browser's time zone from UTC at `at`, in minutes.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "an offset is less than a day")]
pub fn offset_minutes(at: UnixMillis) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "a Date holds no more either")]
    let date = js_sys::Date::new(&(at as f64).into());
    let minutes = -date.get_timezone_offset();
    // A moment that no calendar has is NaN.
    if minutes.is_finite() { minutes as i32 } else { 0 }
}

/// Sets or removes an attribute of the page's root element.
pub fn set_root_attribute(name: &str, value: Option<&str>) {
    if let Some(root) = document().document_element() {
        let _ = match value {
            Some(value) => root.set_attribute(name, value),
            None => root.remove_attribute(name),
        };
    }
}

/// Returns whether a media query matches.
#[must_use]
pub fn matches_media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Runs `run` each time that a media query starts or stops matching, for as long as the page lives.
pub fn on_media_change(query: &str, run: impl Fn() + 'static) {
    if let Ok(Some(list)) = window().match_media(query) {
        // The page keeps the list, and with it its listeners, alive.
        on_event(&list, "change", move |_| run());
        KEPT.with_borrow_mut(|kept| kept.push(list.into()));
    }
}

/// Returns whether the page is hidden.
#[must_use]
pub fn is_hidden() -> bool {
    document().hidden()
}

/// Returns whether the page is visible and its window has the focus.
#[must_use]
pub fn is_attended() -> bool {
    !is_hidden() && document().has_focus().unwrap_or(true)
}

/// Returns the elements in `root` that a selector finds, in document order.
#[must_use]
pub fn find_all(root: &Element, selector: &str) -> Vec<HtmlElement> {
    let Ok(found) = root.query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|index| found.item(index)?.dyn_into().ok()).collect()
}

/// Moves the focus to an element without scrolling to it.
pub fn focus_in_place(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    let _ = element.focus_with_options(&options);
}

/// Returns whether no element has the focus.
#[must_use]
pub fn is_focus_nowhere() -> bool {
    document().active_element().is_none_or(|element| element.tag_name() == "BODY")
}

/// Returns the position of a text area's caret, in UTF-16 units. `None` while text is selected.
#[must_use]
pub fn caret(area: &HtmlTextAreaElement) -> Option<u32> {
    let (start, end) = (area.selection_start().ok()??, area.selection_end().ok()??);
    (start == end).then_some(start)
}

/// Returns the text of a text field, without halves of characters.
#[must_use]
pub fn field_text(field: &HtmlElement) -> String {
    let value = js_sys::Reflect::get(field, &"value".into()).unwrap_or_default();
    let Ok(value) = value.dyn_into::<js_sys::JsString>() else { return String::new() };
    let text = String::from(&value);
    // The conversion replaces a half of a character by this one.
    if text.contains('\u{FFFD}') { whole_characters(value.iter()) } else { text }
}

/// Returns the text of an event's text field, without halves of characters.
#[must_use]
pub fn typed_text(event: &web_sys::Event) -> String {
    let field = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    field.map(|field| field_text(&field)).unwrap_or_default()
}

/// Sets the text of a text field. A field that has the text already is left alone: a person may
/// have typed half a character, and the browser clears its undo history when a program writes.
pub fn set_field_text(field: &HtmlElement, text: &str) {
    if field_text(field) != text {
        let _ = js_sys::Reflect::set(field, &"value".into(), &text.into());
    }
}

/// Replaces a part of a text area as if a person had typed: undo takes it back. The part begins
/// `before_units` UTF-16 units before the caret and ends `after_units` behind it.
pub fn type_text(area: &HtmlTextAreaElement, text: &str, before_units: u32, after_units: u32) {
    let Some(caret) = caret(area) else { return };
    let _ = area.focus();
    let (start, end) = (caret.saturating_sub(before_units), caret + after_units);
    let _ = area.set_selection_range(start, end);
    let document = document();
    let html: &web_sys::HtmlDocument = document.unchecked_ref();
    // Deprecated, and the only way that keeps the undo history in every browser.
    let is_done = html.exec_command_with_show_ui_and_value("insertText", false, text);
    if is_done != Ok(true) {
        let _ = area.set_range_text(text);
        let end = start + mentions::units(text);
        let _ = area.set_selection_range(end, end);
        if let Ok(input) = web_sys::Event::new("input") {
            let _ = area.dispatch_event(&input);
        }
    }
}

/// Takes the focus from a text field and gives it back, which commits an open composition.
pub fn commit_composition(field: &HtmlElement) {
    let _ = field.blur();
    focus_in_place(field);
}

/// Returns whether fingers are the only pointers, so that the keyboard is on the screen.
#[must_use]
pub fn is_touch_only() -> bool {
    matches_media("(pointer: coarse)") && !matches_media("(any-pointer: fine)")
}

/// Scrolls to the element that has the focus.
pub fn show_focused() {
    if let Some(element) = document().active_element() {
        element.scroll_into_view_with_bool(false);
    }
}

/// Removes a cookie of this site.
pub fn forget_cookie(name: &str) {
    let document = document();
    let _ = document
        .unchecked_ref::<web_sys::HtmlDocument>()
        .set_cookie(&format!("{name}=; Path=/; Max-Age=0; SameSite=Lax"));
}

/// Runs `run` before the next frame is painted.
pub fn next_frame(run: impl FnOnce() + 'static) {
    let _ = window().request_animation_frame(once(Box::new(run)).unchecked_ref());
}

/// Runs `run` after `wait_ms`.
pub fn after(wait_ms: i32, run: impl FnOnce() + 'static) {
    let run = once(Box::new(run));
    let _ = window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(run.unchecked_ref(), wait_ms);
}

/// Completes after `wait_ms`.
pub async fn sleep(wait_ms: i32) {
    let passed = js_sys::Promise::new(&mut |resolve, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, wait_ms);
    });
    let _ = wasm_bindgen_futures::JsFuture::from(passed).await;
}

/// Returns a property of a JavaScript object. `None` if it is missing, null or inaccessible.
#[must_use]
pub fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    let value = js_sys::Reflect::get(object, &JsValue::from_str(name)).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// Calls a method of a JavaScript object with one argument. `None` if the method does not exist or
/// fails.
pub fn call(object: &JsValue, method: &str, argument: &JsValue) -> Option<JsValue> {
    let method: js_sys::Function = property(object, method)?.dyn_into().ok()?;
    method.call1(object, argument).ok()
}

/// Runs `run` every `period_ms` for as long as the page lives.
pub fn every(period_ms: i32, run: impl Fn() + 'static) {
    let run = always(Box::new(run));
    let _ = window()
        .set_interval_with_callback_and_timeout_and_arguments_0(run.unchecked_ref(), period_ms);
}

/// Runs `run` at each `event` of the window, for as long as the page lives.
pub fn on(event: &str, run: impl Fn() + 'static) {
    let run = always(Box::new(run));
    let _ = window().add_event_listener_with_callback(event, run.unchecked_ref());
}

/// Runs `run` with each `event` of `target`, for as long as the page lives.
pub fn on_event(target: &web_sys::EventTarget, event: &str, run: impl Fn(&JsValue) + 'static) {
    let run = Closure::<dyn Fn(JsValue)>::new(move |event: JsValue| run(&event)).into_js_value();
    let _ = target.add_event_listener_with_callback(event, run.unchecked_ref());
}

/// Dispatches an event of the window, for `boot.js`.
pub fn tell(event: &str) {
    if let Ok(event) = web_sys::Event::new(event) {
        let _ = window().dispatch_event(&event);
    }
}

/// Runs `run` at each key press, before all other listeners, for as long as the page lives.
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
