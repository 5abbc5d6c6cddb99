//! The XGate wire, as both sides of XMeet use it: what the server sends ([`ServerMessage`] in its
//! [`Envelope`]), what a client sends ([`ClientCommand`]), the checked names that both carry, and
//! the limits that both know. No IO, no clock, no randomness; compiles for wasm32 and natively.
//!
//! The protocol is described in `docs/protocol.md`; `golden/` holds one real frame per message
//! type, and `tests/golden.rs` holds this crate to them, byte for byte.
//!
//! # Layout
//! - [`message`]: frames from the server, [`record`]: one kept message inside a `history` frame
//! - [`command`]: frames from a client
//! - [`room_id`], [`nickname`], [`pid`], [`cursor`]: the names, each checked once, where it enters
//! - [`session_token`]: what our own client resumes by
//! - [`send_time`]: the two time texts of the original protocol
//! - [`close`], [`error_code`]: how a connection ends, what an `error` says to a program
//! - [`invisible`]: which characters cannot be seen
//! - [`limits`]: every number, with its unit in its name
//! - [`steps`]: counts work on text, for tests

pub mod close;
pub mod command;
pub mod cursor;
pub mod error_code;
pub mod invisible;
pub mod limits;
pub mod message;
pub mod nickname;
pub mod pid;
pub mod record;
pub mod room_id;
pub mod send_time;
pub mod session_token;
pub mod steps;

pub use close::CloseCode;
pub use command::{ClientCommand, CommandError};
pub use cursor::Cursor;
pub use error_code::ErrorCode;
pub use invisible::can_be_seen;
pub use message::{Envelope, Member, ServerMessage, WireError};
pub use nickname::{Nickname, NicknameError};
pub use pid::Pid;
pub use record::Record;
pub use room_id::{RoomId, RoomIdError};
pub use send_time::{Civil, SendTime};
pub use session_token::{SessionToken, SessionTokenError};

/// Where a room's WebSocket is: this, then the percent-encoded room id.
pub const WEBSOCKET_PATH_PREFIX: &str = "/xgate/websocket/";

/// Where a room's page is: this, then the percent-encoded room id.
pub const ROOM_PAGE_PREFIX: &str = "/room/";

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
pub type UnixMillis = i64;

/// The number of a stored message in its room: 1, 2, 3 and so on, without a gap. It stays below
/// 2^53, so that JavaScript keeps it exact.
pub type MessageId = u64;
