//! The server's frames: JSON text, each in an envelope.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{ErrorCode, MessageId, Nickname, Pid, Record, RoomId, SendTime, UnixMillis};

/// The fixed payload of a `leave`.
const LEAVE_PAYLOAD: &str = "leave";

/// A frame of the server. Its keys are `from`, `xnest`, `type`, `payload`, `send_time`, in this order,
/// followed by the keys that XMeet adds. Old clients ignore the added keys.
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
    /// The member who joined, left, spoke or was renamed. In all other frames, the receiver.
    pub from: Pid,
    pub xnest: RoomId,
    pub message: ServerMessage,
    /// The time in the server's time zone, for people.
    pub send_time: SendTime,
    /// The time for programs. XMeet always sends it; the original server never did.
    pub ts: Option<UnixMillis>,
}

/// The content of a frame: its `type`, its `payload`, and the keys of that type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// `self`: the receiver's pid. The first frame of the greeting.
    SelfId {
        pid: Pid,
        /// The epoch, which changes when the numbering of the room's messages starts again. Only for
        /// clients that request it.
        epoch: Option<String>,
        /// Length of the greeting's other three frames, in bytes of their payloads. Only for clients
        /// that request it.
        greeting_bytes: Option<u64>,
    },
    /// `member_count`: the number of members, with the receiver. The second frame of the greeting.
    MemberCount(u64),
    /// `members`: all members, with the receiver, oldest first. The third frame of the greeting.
    Members(Vec<Member>),
    /// `history`: a page, oldest message first. Page 0 is the fourth frame of the greeting.
    History(Vec<Record>),
    /// `join`: a member joined with this nickname.
    Join(Nickname),
    /// `leave`: a member left.
    Leave,
    /// `normal`: a member sent a text.
    Normal {
        /// The text, unchanged.
        text: String,
        /// The message's number in the room. `None` for messages that are not stored.
        id: Option<MessageId>,
        /// The author's nickname at that time. XMeet always sends it.
        nickname: Option<Nickname>,
    },
    /// `changename`: a member has this new nickname.
    ChangeName(Nickname),
    /// `error`: the server rejected a frame of the receiver. The connection stays open.
    Error {
        /// The reason, for people.
        words: String,
        /// The reason, for programs.
        code: Option<ErrorCode>,
        /// Time to wait before the next attempt, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// `ping`: a sign that the connection is alive. Only for clients that request it.
    Ping {
        /// Payload length in bytes of the next frame, if that is a long answer to `@history:N`.
        next_bytes: Option<u64>,
    },
}

/// One entry of `members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub pid: Pid,
    pub nickname: Nickname,
}

/// Why a frame cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The frame is not JSON, is no envelope, or its payload does not fit its type.
    #[error("not a frame of the XGate protocol: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The type is of a later version. Clients ignore the frame.
    #[error("the message type {0:?} is unknown")]
    UnknownType(String),
}

impl ServerMessage {
    /// Returns the `type` on the wire.
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

/// The keys of a frame before its payload is parsed.
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
    /// Parses a frame. Keys may be in any order. Unknown keys are ignored.
    ///
    /// # Errors
    /// [`WireError::UnknownType`] for a frame that a client should ignore, [`WireError::Malformed`] for
    /// an invalid one.
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

    /// Appends the frame's text.
    ///
    /// # Panics
    /// Never: every key is a string and every value a JSON value.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("an envelope has nothing that JSON cannot hold");
    }

    /// Returns the frame's text.
    ///
    /// # Panics
    /// Never: every key is a string and every value a JSON value.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an envelope has nothing that JSON cannot hold")
    }
}
