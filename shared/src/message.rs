//! What the server sends: one JSON text frame per message, all in one envelope.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{ErrorCode, MessageId, Nickname, Pid, Record, RoomId, SendTime, UnixMillis};

/// The fixed payload of a `leave`.
const LEAVE_PAYLOAD: &str = "leave";

/// A frame from the server. It is written as `from`, `xnest`, `type`, `payload`, `send_time`, in
/// that order, and then the keys that XMeet adds; old clients ignore those.
///
/// ```
/// use xmeet_shared::{Envelope, ServerMessage};
///
/// let frame = r#"{"from":"<0.8.3>","xnest":"r","type":"leave","payload":"leave","send_time":"2026-11-3 9:5:2"}"#;
/// let envelope = Envelope::parse(frame)?;
/// assert_eq!(envelope.message, ServerMessage::Leave);
/// assert_eq!(envelope.encode(), frame);
/// # Ok::<(), xmeet_shared::WireError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who joined, left, spoke or renamed; for everything else the receiver.
    pub from: Pid,
    /// The room.
    pub xnest: RoomId,
    /// What happened.
    pub message: ServerMessage,
    /// When, in the server's time zone, for people.
    pub send_time: SendTime,
    /// When, for programs. XMeet always sends it; the original never did.
    pub ts: Option<UnixMillis>,
}

/// What a frame says: its `type`, with its `payload` and the keys that belong to that type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// `self`: the receiver's own pid. First of the greeting.
    SelfId {
        /// The receiver's pid.
        pid: Pid,
        /// Changes when the room's ids start again: sent to clients that asked for it.
        epoch: Option<String>,
        /// The bytes of the three frames that follow in the greeting, their payloads alone: sent to
        /// clients that asked for it.
        greeting_bytes: Option<u64>,
    },
    /// `member_count`: how many are in the room, the receiver included. Second of the greeting.
    MemberCount(u64),
    /// `members`: who is in the room, the receiver included, oldest member first. Third.
    Members(Vec<Member>),
    /// `history`: a page, oldest message first. Page 0 is fourth of the greeting.
    History(Vec<Record>),
    /// `join`: somebody came, under this name.
    Join(Nickname),
    /// `leave`: somebody went.
    Leave,
    /// `normal`: somebody spoke.
    Normal {
        /// The text, exactly as it was sent.
        text: String,
        /// Its place in the room; XMeet sends it for every message that it keeps.
        id: Option<MessageId>,
        /// What the author is called at that moment; XMeet always sends it.
        nickname: Option<Nickname>,
    },
    /// `changename`: somebody is now called this.
    ChangeName(Nickname),
    /// `error`: what the receiver sent could not be done. The connection stays.
    Error {
        /// What was wrong, for people.
        words: String,
        /// What was wrong, for programs.
        code: Option<ErrorCode>,
        /// How long to wait before trying again, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// `ping`: the connection lives. Sent to clients that asked for it.
    Ping {
        /// The payload bytes of the next frame, where that is long: the answer to `@history:N`.
        next_bytes: Option<u64>,
    },
}

/// One entry of `members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member's id.
    pub pid: Pid,
    /// What the member is called now.
    pub nickname: Nickname,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not an envelope, or a payload that does not fit its type.
    #[error("not a frame of the XGate protocol: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A type of a later version: to be ignored.
    #[error("the message type {0:?} is unknown")]
    UnknownType(String),
}

impl ServerMessage {
    /// The `type` on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SelfId { .. } => "self",
            Self::MemberCount(_) => "member_count",
            Self::Members(_) => "members",
            Self::History(_) => "history",
            Self::Join(_) => "join",
            Self::Leave => "leave",
            Self::Normal { .. } => "normal",
            Self::ChangeName(_) => "changename",
            Self::Error { .. } => "error",
            Self::Ping { .. } => "ping",
        }
    }

    fn serialize_payload<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        const KEY: &str = "payload";
        match self {
            Self::SelfId { pid, .. } => map.serialize_entry(KEY, pid),
            Self::MemberCount(count) => map.serialize_entry(KEY, count),
            Self::Members(members) => map.serialize_entry(KEY, members),
            Self::History(records) => map.serialize_entry(KEY, records),
            Self::Join(name) | Self::ChangeName(name) => map.serialize_entry(KEY, name),
            Self::Leave => map.serialize_entry(KEY, LEAVE_PAYLOAD),
            Self::Normal { text, .. } => map.serialize_entry(KEY, text),
            Self::Error { words, .. } => map.serialize_entry(KEY, words),
            Self::Ping { .. } => map.serialize_entry(KEY, ""),
        }
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("from", &self.from)?;
        map.serialize_entry("xnest", &self.xnest)?;
        map.serialize_entry("type", self.message.kind())?;
        self.message.serialize_payload(&mut map)?;
        map.serialize_entry("send_time", &self.send_time)?;
        if let ServerMessage::Normal { id: Some(id), .. } = &self.message {
            map.serialize_entry("id", id)?;
        }
        if let Some(ts) = self.ts {
            map.serialize_entry("ts", &ts)?;
        }
        if let ServerMessage::Error { code, retry_after_ms, .. } = &self.message {
            if let Some(code) = code {
                map.serialize_entry("code", code)?;
            }
            if let Some(retry_after_ms) = retry_after_ms {
                map.serialize_entry("retry_after_ms", retry_after_ms)?;
            }
        }
        if let ServerMessage::SelfId { epoch, greeting_bytes, .. } = &self.message {
            if let Some(epoch) = epoch {
                map.serialize_entry("epoch", epoch)?;
            }
            if let Some(greeting_bytes) = greeting_bytes {
                map.serialize_entry("greeting_bytes", greeting_bytes)?;
            }
        }
        if let ServerMessage::Ping { next_bytes: Some(next_bytes) } = &self.message {
            map.serialize_entry("next_bytes", next_bytes)?;
        }
        if let ServerMessage::Normal { nickname: Some(nickname), .. } = &self.message {
            map.serialize_entry("nickname", nickname)?;
        }
        map.end()
    }
}

/// The keys of a frame as they come, before the type says what the payload is.
#[derive(Deserialize)]
struct RawEnvelope<'a> {
    from: Pid,
    xnest: RoomId,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    send_time: SendTime,
    id: Option<MessageId>,
    ts: Option<UnixMillis>,
    code: Option<ErrorCode>,
    retry_after_ms: Option<u64>,
    epoch: Option<String>,
    greeting_bytes: Option<u64>,
    next_bytes: Option<u64>,
    nickname: Option<Nickname>,
}

impl Envelope {
    /// Reads a frame. Keys may come in any order, and unknown ones are ignored.
    ///
    /// # Errors
    /// [`WireError::UnknownType`] is for a client to ignore; [`WireError::Malformed`] is a fault.
    pub fn parse(frame: &str) -> Result<Self, WireError> {
        let raw: RawEnvelope<'_> = serde_json::from_str(frame)?;
        let payload = raw.payload.get();
        let message = match raw.kind.as_str() {
            "self" => ServerMessage::SelfId {
                pid: serde_json::from_str(payload)?,
                epoch: raw.epoch,
                greeting_bytes: raw.greeting_bytes,
            },
            "member_count" => ServerMessage::MemberCount(serde_json::from_str(payload)?),
            "members" => ServerMessage::Members(serde_json::from_str(payload)?),
            "history" => ServerMessage::History(serde_json::from_str(payload)?),
            "join" => ServerMessage::Join(serde_json::from_str(payload)?),
            "leave" => ServerMessage::Leave,
            "normal" => ServerMessage::Normal {
                text: serde_json::from_str(payload)?,
                id: raw.id,
                nickname: raw.nickname,
            },
            "changename" => ServerMessage::ChangeName(serde_json::from_str(payload)?),
            "error" => ServerMessage::Error {
                words: serde_json::from_str(payload)?,
                code: raw.code,
                retry_after_ms: raw.retry_after_ms,
            },
            "ping" => ServerMessage::Ping { next_bytes: raw.next_bytes },
            _ => return Err(WireError::UnknownType(raw.kind)),
        };
        let RawEnvelope { from, xnest, send_time, ts, .. } = raw;
        Ok(Self { from, xnest, message, send_time, ts })
    }

    /// Appends the text of the frame.
    ///
    /// # Panics
    /// Never: every key is a string and every value a JSON value.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("an envelope has nothing that JSON cannot hold");
    }

    /// The text of the frame.
    ///
    /// # Panics
    /// Never: every key is a string and every value a JSON value.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an envelope has nothing that JSON cannot hold")
    }
}
