//! Keeps a reader's place in a list that grows at both ends. The list stays at the bottom when it
//! is there, and only then; otherwise the row under the reader's eyes stays where it is: the place
//! is tied to an element, not to a number.
//!
//! Rows change once per frame (see `store::flush`), and a `ResizeObserver` reports every change of
//! size before that frame is painted, so that nothing is ever seen out of place.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, ResizeObserver};
use xmeet_shared::MessageId;

use crate::browser;

/// This close to the bottom is at the bottom.
const AT_BOTTOM_PX: f64 = 4.0;

/// A row that is aimed at comes to stand this far down, as a part of the view's height.
const GOAL_AT: f64 = 0.2;

/// What in a row is held in place: its heading may come and go above it. A gap is not: it is there
/// to be filled.
const ANCHORS: &str = ".text, [data-kind]";

/// A scrolling list.
pub struct Scroller {
    container: HtmlElement,
    content: HtmlElement,
    state: RefCell<State>,
    /// Told after each change of place or size.
    on_move: Box<dyn Fn(&Scroller)>,
    listeners: OnceCell<Listeners>,
}

/// What the browser calls. It ends with the scroller, so that a list that is drawn anew leaves
/// nothing behind.
struct Listeners {
    observer: Option<ResizeObserver>,
    _resized: Closure<dyn FnMut(JsValue)>,
    _scrolled: Closure<dyn FnMut()>,
}

impl Drop for Scroller {
    fn drop(&mut self) {
        self.container.set_onscroll(None);
        if let Some(observer) = self.listeners.get().and_then(|all| all.observer.as_ref()) {
            observer.disconnect();
        }
    }
}

/// A place in the list: a message, and how far its text is below the upper edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The message that is there, or the nearest one with an id.
    pub id: Option<MessageId>,
    /// The key of its row.
    key: String,
    offset_px: f64,
}

#[derive(Default)]
struct State {
    is_free: bool,
    /// The list goes on after its last row, with what is not loaded: its end is not the bottom.
    is_open: bool,
    /// What has the keyboard.
    focus: Option<Element>,
    /// On the way to the bottom, which has to be loaded first.
    is_heading_down: bool,
    anchor: Option<(Element, f64)>,
    top: f64,
    height: i32,
    /// Width and height of what is seen of the list.
    window: (i32, i32),
    /// A row to show as soon as it is here, unless the person goes elsewhere first.
    goal: Option<String>,
}

impl Scroller {
    /// Watches `content` inside `container`, which scrolls, for as long as the scroller is held.
    /// It starts at `place`, else at the bottom; `goal` is what is aimed at from the start.
    pub fn watch(
        container: HtmlElement,
        content: HtmlElement,
        place: Option<Place>,
        goal: Option<String>,
        on_move: impl Fn(&Scroller) + 'static,
    ) -> Rc<Self> {
        let state = RefCell::new(State { goal, ..State::default() });
        let (on_move, listeners) = (Box::new(on_move), OnceCell::new());
        let scroller = Rc::new(Self { container, content, state, on_move, listeners });
        scroller.go_to(place);
        scroller.listen();
        scroller
    }

    fn listen(self: &Rc<Self>) {
        let changed = |scroller: Weak<Self>| {
            move || {
                if let Some(scroller) = scroller.upgrade() {
                    scroller.changed(false);
                }
            }
        };
        let run = changed(Rc::downgrade(self));
        let resized = Closure::<dyn FnMut(JsValue)>::new(move |_| run());
        let scrolled = Closure::<dyn FnMut()>::new(changed(Rc::downgrade(self)));
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            observer.observe(&self.container);
            observer.observe(&self.content);
        }
        self.container.set_onscroll(Some(scrolled.as_ref().unchecked_ref()));
        let listeners = Listeners { observer, _resized: resized, _scrolled: scrolled };
        let _ = self.listeners.set(listeners);
    }

    /// Whether the list is at the bottom, and stays there.
    #[must_use]
    pub fn is_at_bottom(&self) -> bool {
        let state = self.state.borrow();
        !state.is_free && !state.is_open
    }

    /// Rows are about to change; afterwards the list does or does not go on after its last row.
    pub fn hold(&self, is_open: bool) {
        let mut state = self.state.borrow_mut();
        state.is_open = is_open;
        let focus = browser::document().active_element();
        state.focus = focus.filter(|focus| self.content.contains(Some(focus)));
    }

    /// Where the list is, for [`Scroller::watch`] on another copy of it; `None` at the bottom, on
    /// the way there, or where no message follows.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let state = self.state.borrow();
        let (anchor, _) = state.anchor.as_ref().filter(|_| state.is_free)?;
        let mut row = anchor.closest(".row").ok().flatten()?;
        while !row.has_attribute("data-key") {
            row = row.next_element_sibling()?;
        }
        let text = row.query_selector(".text").ok().flatten()?;
        let key = row.get_attribute("data-key")?;
        let id = nearest_id(&row, Element::next_element_sibling)
            .or_else(|| nearest_id(&row, Element::previous_element_sibling));
        Some(Place { id, key, offset_px: self.offset(&text) })
    }

    /// How far the view is from the top of the list.
    #[must_use]
    pub fn top(&self) -> f64 {
        self.state.borrow().top
    }

    /// The rows that a selector finds and that are less than `margin_px` away from the view, each
    /// with whether it lies in the lower half of the view or below.
    #[must_use]
    pub fn near(&self, selector: &str, margin_px: f64) -> Vec<(Element, bool)> {
        let Ok(found) = self.content.query_selector_all(selector) else { return Vec::new() };
        let view = self.container.get_bounding_client_rect();
        let middle = (view.top() + view.bottom()) / 2.0;
        (0..found.length())
            .filter_map(|index| found.item(index)?.dyn_into::<Element>().ok())
            .filter_map(|row| {
                let rect = row.get_bounding_client_rect();
                let is_near = rect.bottom() > view.top() - margin_px
                    && rect.top() < view.bottom() + margin_px;
                is_near.then(|| (row, rect.top() > middle))
            })
            .collect()
    }

    /// Goes to the top of what is here.
    pub fn to_top(&self) {
        self.set_scroll_top(0.0);
        self.note();
    }

    /// Goes to the bottom, to stay there.
    pub fn to_bottom(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.is_free = false;
            state.goal = None;
            state.is_heading_down = true;
        }
        self.pin();
        self.note();
    }

    /// Shows the row that a selector finds as soon as it is here, unless the person scrolls
    /// before that.
    pub fn aim(&self, goal: String) {
        self.changed(false);
        self.state.borrow_mut().goal = Some(goal);
        self.seek();
        self.note();
    }

    /// Forgets what was aimed at.
    pub fn stop_aiming(&self) {
        self.state.borrow_mut().goal = None;
    }

    /// Whether a row is aimed at that is not here yet.
    #[must_use]
    pub fn is_aiming(&self) -> bool {
        self.state.borrow().goal.is_some()
    }

    fn seek(&self) {
        let goal = self.state.borrow().goal.clone();
        let found = goal.and_then(|goal| self.content.query_selector(&goal).ok().flatten());
        if let Some(row) = found {
            self.state.borrow_mut().goal = None;
            let below = self.offset(&row) - f64::from(self.container.client_height()) * GOAL_AT;
            self.set_scroll_top(self.scroll_top() + below);
        }
    }

    fn go_to(&self, place: Option<Place>) {
        let anchor = place.and_then(|Place { key, offset_px, .. }| {
            let row = format!("[data-key=\"{key}\"] .text");
            Some((self.content.query_selector(&row).ok().flatten()?, offset_px))
        });
        let mut state = self.state.borrow_mut();
        state.is_free = anchor.is_some();
        state.anchor = anchor;
    }

    /// Rows came or went. They are held in place here where they leave the list as high as it was,
    /// for nothing else reports that. A row that was moved or is gone has lost the keyboard.
    pub fn settle(&self) {
        self.changed(true);
        let focus = self.state.borrow_mut().focus.take();
        if let Some(Ok(held)) = focus.map(JsCast::dyn_into::<HtmlElement>)
            && browser::document().active_element().is_none_or(|focus| focus.tag_name() == "BODY")
        {
            let place = if held.is_connected() { &held } else { &self.container };
            browser::focus_in_place(place);
        }
    }

    /// The person scrolled, or the list or its window changed size, or rows changed.
    fn changed(&self, are_rows_changed: bool) {
        if !self.container.is_connected() {
            return;
        }
        let (moved, is_grown, is_window) = {
            let state = self.state.borrow();
            // A list that became shorter moves to its own end by itself: nobody scrolled.
            let moved = if state.top > self.end() { 0.0 } else { self.scroll_top() - state.top };
            (
                moved,
                are_rows_changed || state.height != self.container.scroll_height(),
                state.window != self.window(),
            )
        };
        if moved.abs() >= 1.0 && !is_window {
            self.state.borrow_mut().goal = None;
        }
        if is_grown || is_window {
            // A window that changes size moves the list by itself: nobody scrolled.
            if self.is_pinned() && (moved > -1.0 || is_window || self.is_near_bottom()) {
                self.pin();
            } else {
                self.restore(if is_window { 0.0 } else { moved });
            }
        }
        self.seek();
        self.note();
    }

    fn window(&self) -> (i32, i32) {
        (self.container.client_width(), self.container.client_height())
    }

    fn pin(&self) {
        self.container.set_scroll_top(self.container.scroll_height());
    }

    /// Puts the anchor back where it was, less what the person scrolled meanwhile.
    fn restore(&self, moved: f64) {
        let state = self.state.borrow();
        let Some((anchor, offset)) = &state.anchor else { return };
        if !anchor.is_connected() {
            return;
        }
        let correction = self.offset(anchor) - (offset - moved);
        if correction.abs() >= 0.5 {
            self.set_scroll_top(self.scroll_top() + correction);
        }
    }

    fn note(&self) {
        let anchor = self.find_anchor();
        {
            let mut state = self.state.borrow_mut();
            state.anchor = anchor.map(|anchor| {
                let offset = self.offset(&anchor);
                (anchor, offset)
            });
            state.top = self.scroll_top();
            state.height = self.container.scroll_height();
            state.window = self.window();
            state.is_heading_down &= state.is_open && self.is_near_bottom();
            let is_bottom = !state.is_open || state.is_heading_down;
            state.is_free = !(is_bottom && self.is_near_bottom());
        }
        (self.on_move)(self);
    }

    fn is_pinned(&self) -> bool {
        !self.state.borrow().is_free
    }

    /// The place of a list that is scrolled as far down as it goes.
    fn end(&self) -> f64 {
        f64::from(self.container.scroll_height() - self.container.client_height())
    }

    fn is_near_bottom(&self) -> bool {
        self.end() - self.scroll_top() <= AT_BOTTOM_PX
    }

    fn offset(&self, element: &Element) -> f64 {
        element.get_bounding_client_rect().top() - self.container.get_bounding_client_rect().top()
    }

    /// The first row that reaches into the view: found by halves, for rows stand in order.
    fn find_anchor(&self) -> Option<Element> {
        let view_top = self.container.get_bounding_client_rect().top();
        let rows = self.content.children();
        let is_above = |index: u32| {
            rows.item(index).is_some_and(|row| row.get_bounding_client_rect().bottom() <= view_top)
        };
        let (mut low, mut high) = (0, rows.length());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_above(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..rows.length().min(low + 8)).find_map(|index| {
            let row = rows.item(index)?;
            let is_anchor = row.matches(ANCHORS).unwrap_or(false);
            if is_anchor { Some(row) } else { row.query_selector(ANCHORS).ok().flatten() }
        })
    }

    /// Fractions count: on a screen of high density a row may stand on half a pixel.
    fn scroll_top(&self) -> f64 {
        js_sys::Reflect::get(&self.container, &"scrollTop".into())
            .ok()
            .and_then(|top| top.as_f64())
            .unwrap_or_default()
    }

    fn set_scroll_top(&self, top: f64) {
        let _ = js_sys::Reflect::set(&self.container, &"scrollTop".into(), &top.into());
    }
}

/// The id of a row, or of the next one in a direction that has one.
fn nearest_id(row: &Element, step: fn(&Element) -> Option<Element>) -> Option<MessageId> {
    let mut row = row.clone();
    loop {
        if let Some(id) = row.get_attribute("data-id") {
            return id.parse().ok();
        }
        row = step(&row)?;
    }
}
