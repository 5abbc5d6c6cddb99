//! Parts of a page that change. Each kind passes through one concrete type: the compiler would
//! otherwise make code for every closure by itself, and the page would be half as large again.

use leptos::children::ViewFn;
use leptos::prelude::*;

/// A text that changes.
pub type Words = Box<dyn Fn() -> String + Send>;

/// An attribute that changes, or is not there.
pub type Attribute = Box<dyn Fn() -> Option<String> + Send>;

/// A class or property that comes and goes.
pub type Flag = Box<dyn Fn() -> bool + Send>;

/// A text that changes.
pub fn words(read: impl Fn() -> String + Send + 'static) -> Words {
    Box::new(read)
}

/// An attribute that changes, or is not there.
pub fn attribute(read: impl Fn() -> Option<String> + Send + 'static) -> Attribute {
    Box::new(read)
}

/// A class or property that comes and goes.
pub fn flag(read: impl Fn() -> bool + Send + 'static) -> Flag {
    Box::new(read)
}

/// `true` or `false`, as ARIA wants it.
pub fn truth(read: impl Fn() -> bool + Send + 'static) -> Attribute {
    Box::new(move || Some(if read() { "true" } else { "false" }.to_owned()))
}

/// Draws what `view` says, and again whenever what it read has changed.
pub fn live(view: impl Into<ViewFn>) -> AnyView {
    draw(view.into())
}

/// Draws what `view` says while `condition` holds.
pub fn when(condition: impl Fn() -> bool + 'static, view: impl Into<ViewFn>) -> AnyView {
    draw_while(steady(condition), view.into())
}

fn draw_while(condition: RwSignal<bool>, view: ViewFn) -> AnyView {
    draw(ViewFn::from(move || if condition.get() { untrack(|| view.run()) } else { ().into_any() }))
}

/// A condition, or a number, that tells of its changes only, not of everything that it is made of.
pub fn steady<T>(read: impl Fn() -> T + 'static) -> RwSignal<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    watch(Box::new(read))
}

fn watch<T>(read: Box<dyn Fn() -> T>) -> RwSignal<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    let held = RwSignal::new(untrack(&read));
    effect(move || {
        let now = read();
        if held.with_untracked(|held| *held != now) {
            held.set(now);
        }
    });
    held
}

/// Does `run`, and again whenever what it read has changed.
pub fn effect(run: impl FnMut() + 'static) {
    start(Box::new(run));
}

fn start(run: Box<dyn FnMut()>) {
    Effect::new(run);
}

fn draw(view: ViewFn) -> AnyView {
    (move || view.run()).into_any()
}
