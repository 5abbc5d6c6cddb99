//! Takes the place of the crate of this name, which Leptos pulls for its server functions.
//!
//! Nobody calls a server function here, so nothing ever streams. The crate itself exports classes
//! to JavaScript, and what is exported no linker can drop: 4 KB of every first visit. Here is only
//! what those functions need to be compiled.

use futures_util::Stream;
use futures_util::stream::Empty;
use wasm_bindgen::JsValue;
use web_sys::ReadableStream as Raw;

/// A stream between Rust and JavaScript. There is none.
#[derive(Debug)]
pub enum ReadableStream {}

impl ReadableStream {
    /// Would take a stream of the browser's.
    ///
    /// # Panics
    /// Always: see this crate's own words.
    #[must_use]
    pub fn from_raw(_: Raw) -> Self {
        unreachable!("there are no server functions")
    }

    /// Would make a stream of the browser's.
    ///
    /// # Panics
    /// Always: see this crate's own words.
    pub fn from_stream<S: Stream<Item = Result<JsValue, JsValue>> + 'static>(_: S) -> Self {
        unreachable!("there are no server functions")
    }

    /// What comes through it.
    pub fn into_stream(self) -> Empty<Result<JsValue, JsValue>> {
        match self {}
    }

    /// The browser's half of it.
    #[must_use]
    pub fn into_raw(self) -> Raw {
        match self {}
    }
}
