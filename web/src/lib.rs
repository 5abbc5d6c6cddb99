//! The web client of XMeet: thin components over a pure core.
//!
//! # Layout
//! - [`core`]: the client of a room as a state machine over [`room`], the room model, and
//!   [`connection`], the connection machine. All three are pure and tested on the host
//! - [`runtime`]: the socket and the timers; carries out the core's effects
//! - [`context`]: the contexts that components share, [`settings`]: language, theme and Return key
//! - [`reactive`]: the reactive types of the contexts and components
//! - [`components`]: one component per file
//! - [`i18n`], [`time`], [`identity`], [`links`], [`keys`], [`page`], [`encoding`], [`mentions`],
//!   [`mention_menu`], [`member_window`], [`lookalike`], [`fold`]: pure helpers
//! - [`storage`]: the browser's storage, [`prefs`]: the preferences in it
//! - [`notification_election`]: elects the tab that notifies the person
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
