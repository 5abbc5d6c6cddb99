//! The way in: checks an upgrade request (RFC 6455 section 4.2) and settles the room, the nickname
//! and the cookie before any WebSocket exists.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_LANGUAGE, CONNECTION, COOKIE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, SET_COOKIE, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use xmeet_shared::limits::NICKNAME_COOKIE_MAX_AGE_SECONDS;
use xmeet_shared::{Nickname, RoomId, SessionToken, WEBSOCKET_PATH_PREFIX};

use super::connection::Visitor;
use super::nicknames;
use super::origins::Origins;
use crate::http::refusal::Refusal;

/// What RFC 6455 section 1.3 has the server append to the client's key.
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The one version there is.
const WEBSOCKET_VERSION: &str = "13";

/// Bytes in a `Sec-WebSocket-Key`, decoded.
const KEY_BYTES: usize = 16;

/// Takes keys whose last character has bits to spare: small clients draw 22 characters at random.
const KEY_DECODER: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A request that may be upgraded.
#[derive(Debug)]
pub struct Handshake {
    /// Where to.
    pub room: RoomId,
    /// Under which name.
    pub nickname: Nickname,
    /// What the client resumes by, if it asked for that.
    pub token: Option<SessionToken>,
    accept: String,
}

impl Handshake {
    /// Checks a request.
    ///
    /// # Errors
    /// A [`Refusal`] with the HTTP status and the reason.
    pub fn check(request: &Request<Body>, origins: &Origins) -> Result<Self, Refusal> {
        let room = room_id(request.uri().path())?;
        let headers = request.headers();
        if !origins.allow(headers) {
            return Err(Refusal::origin());
        }
        let accept = check_upgrade(request.method(), headers)?;
        let query = request.uri().query().unwrap_or_default();
        let token = token(query)?;
        let nickname = nickname(query, headers);
        Ok(Self { room, nickname, token, accept })
    }

    /// Who comes in by it.
    #[must_use]
    pub fn into_visitor(self) -> Visitor {
        let Self { room, nickname, token, .. } = self;
        Visitor { room, nickname, token }
    }

    /// The 101 response.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let encoded = utf8_percent_encode(self.nickname.as_str(), NON_ALPHANUMERIC);
        let cookie = format!(
            "nickname={encoded}; Path=/; Max-Age={NICKNAME_COOKIE_MAX_AGE_SECONDS}; SameSite=Lax"
        );
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        for (name, text) in [(SEC_WEBSOCKET_ACCEPT, &self.accept), (SET_COOKIE, &cookie)] {
            // Base64 and percent-encoding leave nothing that a header cannot carry.
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The room of a path: what stands behind the prefix, one segment, percent-decoded.
fn room_id(path: &str) -> Result<RoomId, Refusal> {
    let segment = path.strip_prefix(WEBSOCKET_PATH_PREFIX).unwrap_or_default();
    if segment.contains('/') {
        return Err(Refusal::bad_room("the room id is one path segment; write a slash as %2F"));
    }
    let text = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Refusal::bad_room("the room id is not percent-encoded UTF-8"))?;
    RoomId::new(&text).map_err(|error| Refusal::bad_room(&error.to_string()))
}

/// Checks the WebSocket half of the request; answers with the `Sec-WebSocket-Accept` text.
fn check_upgrade(method: &Method, headers: &HeaderMap) -> Result<String, Refusal> {
    let upgrades = method == Method::GET
        && has_token(headers, &CONNECTION, "upgrade")
        && has_token(headers, &UPGRADE, "websocket");
    if !upgrades {
        return Err(Refusal::not_an_upgrade());
    }
    let version = headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    if version != Some(WEBSOCKET_VERSION.as_bytes()) {
        return Err(Refusal::version(WEBSOCKET_VERSION));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if KEY_DECODER.decode(key).map(|bytes| bytes.len()) != Ok(KEY_BYTES) {
        return Err(Refusal::bad_key());
    }
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key);
    sha1.update(ACCEPT_GUID.as_bytes());
    Ok(STANDARD.encode(sha1.digest().bytes()))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|text| text.split(',').any(|found| found.trim().eq_ignore_ascii_case(token)))
}

fn token(query: &str) -> Result<Option<SessionToken>, Refusal> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "session")
        .map(|(_, text)| SessionToken::new(&text))
        .transpose()
        .map_err(|error| Refusal::bad_session(&error.to_string()))
}

/// The parameter; where it says nothing, the cookie; where that says nothing too, a random name.
fn nickname(query: &str, headers: &HeaderMap) -> Nickname {
    let parameter = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "nickname")
        .find_map(|(_, value)| Nickname::from_handshake(&value));
    parameter.or_else(|| cookie(headers)).unwrap_or_else(|| {
        let language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let name = nicknames::random(language);
        Nickname::from_wire(&name)
    })
}

fn cookie(headers: &HeaderMap) -> Option<Nickname> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("nickname="))
        .find_map(|value| {
            let value = value.trim_matches('"');
            Nickname::from_handshake(&percent_decode_str(value).decode_utf8_lossy())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_text_is_that_of_the_rfc() {
        // RFC 6455 section 1.3.
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        let accept = check_upgrade(&Method::GET, &headers).unwrap();
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; xnickname=no; c=d"));
        headers.append(COOKIE, HeaderValue::from_static("nickname=%20; nickname=%E5%B0%8F"));
        assert_eq!(cookie(&headers).unwrap().as_str(), "小");
    }
}
