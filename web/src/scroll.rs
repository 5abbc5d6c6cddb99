//! Keeps a reader's place in a list that grows at both ends. A list at the bottom stays there.
//! Otherwise the first row in view, the anchor, stays at its place on the screen.
//!
//! Rows change once per frame (`context/drawing.rs`), and a `ResizeObserver` reports every change of
//! size before that frame is painted, so no frame shows the list at a wrong place.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, ResizeObserver};
use xmeet_shared::MessageId;

use crate::browser;

/// A list this close to the bottom counts as at the bottom.
const AT_BOTTOM_PX: f64 = 4.0;

/// Where in the view a goal row is put, as a fraction of the view's height.
const GOAL_AT: f64 = 0.2;

/// The parts of rows that can be anchors. A message's heading may come and go above its text. A gap
/// is no anchor, because it is filled while it is in view.
const ANCHORS: &str = ".text, [data-kind]";

/// A scrolling list.
pub struct Scroller {
    container: HtmlElement,
    content: HtmlElement,
    state: RefCell<State>,
    /// Runs after each change of place or size.
    on_move: Box<dyn Fn(&Scroller)>,
    listeners: OnceCell<Listeners>,
}

/// The listeners of the browser. They end with the scroller.
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
    /// Whether the reader has left the bottom.
    is_detached: bool,
    /// Whether messages after the last row are not loaded: the end of the list is not the bottom.
    has_unloaded_tail: bool,
    /// The element in the list that has the focus.
    focus: Option<Element>,
    /// Whether the list goes to the bottom as soon as that is loaded.
    is_jumping_to_newest: bool,
    /// The anchor, with its distance from the upper edge of the view.
    anchor: Option<(Element, f64)>,
    top: f64,
    height: i32,
    /// Width and height of the view.
    window: (i32, i32),
    /// A selector. Its row is scrolled to once it is loaded, unless the person scrolls first.
    goal: Option<String>,
}

impl Scroller {
    /// Watches `content` inside `container`, the element that scrolls, until the scroller is dropped.
    /// Starts at `place`, or else at the bottom, and scrolls to the row of the selector `goal`.
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

    /// Returns whether the list is at the bottom and stays there.
    #[must_use]
    pub fn is_at_bottom(&self) -> bool {
        let state = self.state.borrow();
        !state.is_detached && !state.has_unloaded_tail
    }

    /// Prepares for a change of the rows. `has_unloaded_tail` is whether messages after the last row
    /// are not loaded afterwards.
    pub fn before_rows_change(&self, has_unloaded_tail: bool) {
        let mut state = self.state.borrow_mut();
        state.has_unloaded_tail = has_unloaded_tail;
        let focus = browser::document().active_element();
        state.focus = focus.filter(|focus| self.content.contains(Some(focus)));
    }

    /// Returns the place of the list, to start another scroller there. `None` at the bottom, on the
    /// way there, or if no message follows.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let state = self.state.borrow();
        let (anchor, _) = state.anchor.as_ref().filter(|_| state.is_detached)?;
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

    /// Returns the distance of the view from the top of the list, in CSS pixels.
    #[must_use]
    pub fn top(&self) -> f64 {
        self.state.borrow().top
    }

    /// Returns the rows that a selector finds less than `margin_px` away from the view. Each comes with
    /// whether it is below the middle of the view.
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

    /// Scrolls to the first loaded row.
    pub fn to_top(&self) {
        self.set_scroll_top(0.0);
        self.remember_position();
    }

    /// Scrolls to the bottom and stays there.
    pub fn to_bottom(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.is_detached = false;
            state.goal = None;
            state.is_jumping_to_newest = true;
        }
        self.stick_to_bottom();
        self.remember_position();
    }

    /// Scrolls to the row that a selector finds once the row is loaded, unless the person scrolls
    /// before that.
    pub fn set_goal(&self, goal: String) {
        self.changed(false);
        self.state.borrow_mut().goal = Some(goal);
        self.scroll_to_goal();
        self.remember_position();
    }

    /// Gives up the goal.
    pub fn clear_goal(&self) {
        self.state.borrow_mut().goal = None;
    }

    /// Returns whether the row of the goal is not loaded yet.
    #[must_use]
    pub fn has_goal(&self) -> bool {
        self.state.borrow().goal.is_some()
    }

    fn scroll_to_goal(&self) {
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
        state.is_detached = anchor.is_some();
        state.anchor = anchor;
    }

    /// Restores the place after a change of the rows: the `ResizeObserver` reports no change that
    /// keeps the height of the list. Gives the focus back to a row that was moved, or to the list if
    /// the row is gone.
    pub fn after_rows_change(&self) {
        self.changed(true);
        let focus = self.state.borrow_mut().focus.take();
        if let Some(Ok(held)) = focus.map(JsCast::dyn_into::<HtmlElement>)
            && browser::document().active_element().is_none_or(|focus| focus.tag_name() == "BODY")
        {
            let place = if held.is_connected() { &held } else { &self.container };
            browser::focus_in_place(place);
        }
    }

    /// Acts on a scroll, a change of size, or a change of rows.
    fn changed(&self, are_rows_changed: bool) {
        if !self.container.is_connected() {
            return;
        }
        let (moved, is_grown, is_window) = {
            let state = self.state.borrow();
            // A list that became shorter moves to its end without a scroll of the person.
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
            // A window that changes size moves the list without a scroll of the person.
            if self.is_stuck_to_bottom() && (moved > -1.0 || is_window || self.is_near_bottom()) {
                self.stick_to_bottom();
            } else {
                self.restore(if is_window { 0.0 } else { moved });
            }
        }
        self.scroll_to_goal();
        self.remember_position();
    }

    fn window(&self) -> (i32, i32) {
        (self.container.client_width(), self.container.client_height())
    }

    fn stick_to_bottom(&self) {
        self.container.set_scroll_top(self.container.scroll_height());
    }

    /// Puts the anchor back to its place, less the `moved` pixels that the person scrolled.
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

    fn remember_position(&self) {
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
            state.is_jumping_to_newest &= state.has_unloaded_tail && self.is_near_bottom();
            let is_bottom = !state.has_unloaded_tail || state.is_jumping_to_newest;
            state.is_detached = !(is_bottom && self.is_near_bottom());
        }
        (self.on_move)(self);
    }

    fn is_stuck_to_bottom(&self) -> bool {
        !self.state.borrow().is_detached
    }

    /// Returns the scroll position of the lower end of the list.
    fn end(&self) -> f64 {
        f64::from(self.container.scroll_height() - self.container.client_height())
    }

    fn is_near_bottom(&self) -> bool {
        self.end() - self.scroll_top() <= AT_BOTTOM_PX
    }

    fn offset(&self, element: &Element) -> f64 {
        element.get_bounding_client_rect().top() - self.container.get_bounding_client_rect().top()
    }

    /// Returns the first row that reaches into the view, by binary search.
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

    /// Returns the scroll position with its fraction: on a dense screen a row may start at half a
    /// pixel.
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

/// Returns the message id of a row, or of the next row in a direction that has one.
fn nearest_id(row: &Element, step: fn(&Element) -> Option<Element>) -> Option<MessageId> {
    let mut row = row.clone();
    loop {
        if let Some(id) = row.get_attribute("data-id") {
            return id.parse().ok();
        }
        row = step(&row)?;
    }
}
