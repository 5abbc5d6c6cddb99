//! The XGate protocol for server and client: the server's frames ([`ServerMessage`] in an
//! [`Envelope`]), the client's frames ([`ClientCommand`]), validated names, and shared limits. It uses
//! no IO, clock or randomness, and compiles for wasm32.
//!
//! `docs/protocol.md` describes the protocol. `golden/` has a frame of each type, and `tests/golden.rs`
//! compares this crate with those frames byte for byte.
//!
//! # Layout
//! - [`message`]: the server's frames; [`record`]: a stored message in a `history` frame
//! - [`command`]: the client's frames
//! - [`room_id`], [`nickname`], [`pid`], [`cursor`]: names and numbers, validated on construction
//! - [`session_token`]: the secret with which a client resumes
//! - [`send_time`]: the two time formats of the original protocol
//! - [`close`], [`error_code`]: codes of Close frames and of `error` frames
//! - [`invisible`]: invisible characters
//! - [`limits`]: shared limits
//! - [`steps`]: counts of work on text, for tests

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

/// Path prefix of a room's WebSocket. The percent-encoded room id follows.
pub const WEBSOCKET_PATH_PREFIX: &str = "/xgate/websocket/";

/// Path prefix of a room's page. The percent-encoded room id follows.
pub const ROOM_PAGE_PREFIX: &str = "/room/";

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type UnixMillis = i64;

/// The number of a stored message in its room: 1, 2, 3 and so on, without gaps. It is below 2^53, so
/// JavaScript represents it exactly.
pub type MessageId = u64;
