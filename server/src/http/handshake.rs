//! Checks an upgrade request (RFC 6455 section 4.2), and reads room, nickname and token from it.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_LANGUAGE, CONNECTION, COOKIE, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, SET_COOKIE, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use xmeet_shared::limits::NICKNAME_COOKIE_MAX_AGE_SECONDS;
use xmeet_shared::{Nickname, RoomId, SessionToken, WEBSOCKET_PATH_PREFIX};

use crate::config::origins::Origins;
use crate::http::nicknames;
use crate::http::refusal::Refusal;
use crate::hub::JoinRequest;

/// The text that the server appends to the client's key (RFC 6455 section 1.3).
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only version (RFC 6455 section 4.1).
const WEBSOCKET_VERSION: &str = "13";

/// The length of a decoded `Sec-WebSocket-Key` in bytes.
const KEY_BYTES: usize = 16;

/// Decodes keys. Ignores the unused bits of the last character, because small clients choose 22 random
/// characters.
const KEY_DECODER: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A valid upgrade request.
#[derive(Debug)]
pub struct Handshake {
    pub room: RoomId,
    pub nickname: Nickname,
    /// The token with which the client resumes; `None` if the client sent none.
    pub token: Option<SessionToken>,
    /// Whether the client's texts become part of the history.
    pub is_stored: bool,
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
        if !is_origin_allowed(origins, headers) {
            return Err(Refusal::origin());
        }
        let accept = check_upgrade(request.method(), headers)?;
        let query = request.uri().query().unwrap_or_default();
        let token = resume_token(query)?;
        let nickname = nickname(query, headers);
        let is_stored = is_stored(query);
        Ok(Self { room, nickname, token, is_stored, accept })
    }

    /// Returns the request to join the room.
    #[must_use]
    pub fn into_join_request(self) -> JoinRequest {
        let Self { room, nickname, token, is_stored, .. } = self;
        JoinRequest { room, nickname, token, is_stored }
    }

    /// Returns the 101 response.
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
            // Base64 and percent-encoded text are valid header values.
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Returns whether the request's origin may connect.
fn is_origin_allowed(origins: &Origins, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (origins, text(ORIGIN)) {
        // Programs can send any origin, so only a browser's origin is worth a check.
        (Origins::All, _) | (_, None) => true,
        (Origins::Own, Some(origin)) => {
            // The scheme does not count, because a proxy may have ended TLS.
            let host = origin.split_once("://").map(|(_, host)| host);
            host.zip(text(HOST)).is_some_and(|(host, own)| host.eq_ignore_ascii_case(own))
        }
        (Origins::Listed(listed), Some(origin)) => {
            listed.iter().any(|one| one.eq_ignore_ascii_case(origin))
        }
    }
}

/// Returns the room id of a path: the segment after the prefix, percent-decoded.
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

/// Checks the WebSocket headers, and returns the text for `Sec-WebSocket-Accept`.
fn check_upgrade(method: &Method, headers: &HeaderMap) -> Result<String, Refusal> {
    let is_upgrade = method == Method::GET
        && has_token(headers, &CONNECTION, "upgrade")
        && has_token(headers, &UPGRADE, "websocket");
    if !is_upgrade {
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

/// Returns whether a header that is a comma-separated list contains a token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|text| text.split(',').any(|found| found.trim().eq_ignore_ascii_case(token)))
}

/// Returns the resume token of the parameter `session`, if there is one.
fn resume_token(query: &str) -> Result<Option<SessionToken>, Refusal> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "session")
        .map(|(_, text)| SessionToken::new(&text))
        .transpose()
        .map_err(|error| Refusal::bad_session(&error.to_string()))
}

/// Returns whether the client's texts are stored: always, unless the parameter `is_store_history` is
/// exactly `false`, as with the original server.
fn is_stored(query: &str) -> bool {
    !form_urlencoded::parse(query.as_bytes())
        .any(|(key, value)| key == "is_store_history" && value == "false")
}

/// Returns the nickname from the parameter, otherwise from the cookie, otherwise a random nickname.
fn nickname(query: &str, headers: &HeaderMap) -> Nickname {
    let parameter = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "nickname")
        .find_map(|(_, value)| Nickname::from_handshake(&value));
    parameter.or_else(|| cookie_nickname(headers)).unwrap_or_else(|| {
        let language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let name = nicknames::random(language);
        Nickname::from_wire(&name)
    })
}

/// Returns the first valid nickname among the cookies.
fn cookie_nickname(headers: &HeaderMap) -> Option<Nickname> {
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
    fn accept_header_matches_the_example_of_the_rfc() {
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
    fn only_the_exact_word_false_disables_storage() {
        for query in ["is_store_history=false", "nickname=a&is_store_history=%66alse&session=x"] {
            assert!(!is_stored(query), "{query}");
        }
        assert!(!is_stored("is_store_history=true&is_store_history=false"));
        for value in ["true", "", "False", "FALSE", "0", "no", "false%20", "+false", "falsehood"] {
            assert!(is_stored(&format!("is_store_history={value}")), "{value}");
        }
        for query in ["", "IS_STORE_HISTORY=false", "xis_store_history=false", "nickname=false"] {
            assert!(is_stored(query), "{query}");
        }
    }

    #[test]
    fn nickname_cookie_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; xnickname=no; c=d"));
        headers.append(COOKIE, HeaderValue::from_static("nickname=%20; nickname=%E5%B0%8F"));
        assert_eq!(cookie_nickname(&headers).unwrap().as_str(), "小");
    }
}
