//! The web client of XMeet: a page that is a room. Thin components over a pure view model.
//!
//! # Layout
//! - [`core`]: the whole client of a room as one state machine over [`room`], the view model, and
//!   [`connection`], which decides when to connect. All three are pure and tested on the host
//! - [`runtime`]: the socket and the timers; carries the core's effects out
//! - [`store`]: signals that mirror the core, [`settings`]: language and theme
//! - [`components`]: one component a file
//! - [`i18n`], [`time`], [`identity`], [`links`], [`keys`], [`page`], [`encoding`], [`mentions`],
//!   [`mention_menu`], [`member_window`], [`lookalike`], [`fold`]: pure helpers
//! - [`storage`]: what the browser keeps, [`prefs`]: preferences among it, [`notification_election`]: which of
//!   several tabs notifies
//! - [`alerts`], [`badge`], [`browser`], [`channel`], [`clipboard`], [`locks`], [`scroll`], [`tab`],
//!   [`version`], [`worker`]: the edge to the browser

pub mod alerts;
pub mod badge;
pub mod browser;
pub mod channel;
pub mod clipboard;
pub mod components;
pub mod connection;
pub mod context;
pub mod core;
pub mod encoding;
pub mod fold;
pub mod i18n;
pub mod identity;
pub mod keys;
pub mod links;
pub mod locks;
pub mod lookalike;
pub mod member_window;
pub mod mention_menu;
pub mod mentions;
pub mod notification_election;
pub mod page;
pub mod prefs;
pub mod reactive;
pub mod room;
pub mod runtime;
pub mod scroll;
pub mod settings;
pub mod storage;
pub mod tab;
pub mod time;
pub mod version;
pub mod worker;

pub use components::app::App;
