//! Limits that server and client must agree on. Each name has its unit.

/// Longest room id, in bytes of UTF-8.
pub const ROOM_ID_BYTES_MAX: usize = 128;

/// Longest room id that the protocol's author advises, in characters. The server accepts longer ids;
/// the web client warns of them.
pub const ROOM_ID_CHARS_ADVISED_MAX: usize = 32;

/// Longest nickname, in characters (Unicode scalar values), after cleaning.
pub const NICKNAME_CHARS_MAX: usize = 32;

/// Default of the largest frame that a client may send, in bytes of UTF-8.
pub const FRAME_BYTES_MAX_DEFAULT: usize = 64 * 1024;

/// Messages on one history page.
pub const HISTORY_PAGE_MESSAGES: u64 = 50;

/// Default of the messages that a room keeps.
pub const HISTORY_KEPT_MESSAGES_DEFAULT: u64 = 10_000;

/// How long a browser keeps the `nickname` cookie, in seconds (a year).
pub const NICKNAME_COOKIE_MAX_AGE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Shortest session token, in characters (132 bits, if they are random).
pub const SESSION_TOKEN_CHARS_MIN: usize = 22;

/// Longest session token, in characters.
pub const SESSION_TOKEN_CHARS_MAX: usize = 64;

/// Default of the grace period of a lost member, in seconds.
pub const RESUME_GRACE_SECONDS_DEFAULT: u64 = 20;
