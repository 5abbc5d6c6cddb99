//! The web client of XMeet: a page that is a room. Thin components over a pure view model.
//!
//! # Layout
//! - [`room`]: the view model of a room, [`connection`]: when to dial, and the socket: what is pure
//!   in them runs in tests on the host
//! - [`store`]: the one reactive store over both, [`settings`]: language and theme
//! - [`components`]: one component a file
//! - [`i18n`], [`time`], [`identity`], [`links`], [`keys`], [`page`], [`encoding`], [`mentions`],
//!   [`mention_menu`], [`lookalike`]: pure helpers
//! - [`alerts`], [`badge`], [`browser`], [`clipboard`], [`prefs`], [`scroll`], [`tab`], [`version`]: the
//!   edge to the browser

pub mod alerts;
pub mod badge;
pub mod browser;
pub mod clipboard;
pub mod components;
pub mod connection;
pub mod encoding;
pub mod i18n;
pub mod identity;
pub mod keys;
pub mod links;
pub mod lookalike;
pub mod mention_menu;
pub mod mentions;
pub mod page;
pub mod prefs;
pub mod room;
pub mod scroll;
pub mod settings;
pub mod store;
pub mod tab;
pub mod time;
pub mod version;

pub use components::app::App;
