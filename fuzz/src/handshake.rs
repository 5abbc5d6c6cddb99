//! Upgrade requests: path, query, cookies and all other headers.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SET_COOKIE};
use axum::http::{Request, Response};
use futures_util::FutureExt;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use xmeet_server::config::origins::Origins;
use xmeet_server::http::handshake::Handshake;
use xmeet_shared::{RoomId, WEBSOCKET_PATH_PREFIX};

use crate::command::assert_is_clean;

/// Headers of a valid request, unless the input replaces them.
const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Maximum length of a refusal's body, in bytes. It must not grow with the input.
const REFUSAL_BYTES_MAX: usize = 400;

/// The first line follows the prefix of the path; the other lines are headers. An accepted request has a
/// clean name, and a cookie with that name only. Any other request is refused with JSON.
pub(crate) fn holds(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let headers: Vec<_> = lines.filter_map(header).collect();
    let Some(request) = request(target, &headers) else { return };
    match Handshake::check(&request, &Origins::All) {
        Ok(handshake) => {
            assert_is_clean(&handshake.nickname);
            assert_is_kept(&handshake);
            assert_same_room(&handshake.room);
        }
        Err(refusal) => assert_is_refusal(refusal.into_response()),
    }
}

fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// Builds a request, if it is valid HTTP.
fn request(target: &[u8], headers: &[(&[u8], &[u8])]) -> Option<Request<Body>> {
    let uri = [WEBSOCKET_PATH_PREFIX.as_bytes(), target].concat();
    let mut request = Request::builder().uri(uri.as_slice());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    for (name, value) in UPGRADE {
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes())) {
            request = request.header(name, value);
        }
    }
    request.body(Body::empty()).ok()
}

/// The cookie contains the percent-encoded name only, and gives the same name when it is sent again.
fn assert_is_kept(handshake: &Handshake) {
    let response = handshake.response();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT].len(), 28);
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    let [cookie] = cookies[..] else { panic!("not one cookie: {cookies:?}") };
    let cookie = cookie.to_str().expect("it is ASCII");
    let (value, attributes) = cookie
        .strip_prefix("nickname=")
        .and_then(|rest| rest.split_once("; "))
        .expect("the name, then attributes");
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'));
    assert!(attributes.starts_with("Path=/"));
    assert!(!attributes.contains("nickname"));
    let name = percent_decode_str(value).decode_utf8().expect("it is UTF-8");
    assert_eq!(name, handshake.nickname.as_str());

    let sent = format!("nickname={value}");
    let again = request(b"r", &[(b"Cookie", sent.as_bytes())]).expect("it is a header");
    let again = Handshake::check(&again, &Origins::All).expect("it is a proper request");
    assert_eq!(again.nickname, handshake.nickname);
}

/// A room id in an address gives the same room.
fn assert_same_room(room: &RoomId) {
    let target = utf8_percent_encode(room.as_str(), NON_ALPHANUMERIC).to_string();
    let request = request(target.as_bytes(), &[]).expect("it is an address");
    let again = Handshake::check(&request, &Origins::All).expect("it is a proper request");
    assert_eq!(again.room, *room);
}

fn assert_is_refusal(response: Response<Body>) {
    assert!([400, 403, 426].contains(&response.status().as_u16()), "{}", response.status());
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let body = to_bytes(response.into_body(), REFUSAL_BYTES_MAX).now_or_never();
    let body = body.expect("it is there at once").expect("it is small");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("it is JSON");
    assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string());
}
