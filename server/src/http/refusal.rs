//! Refusals of requests: an HTTP status and a JSON body with the reason.

use axum::body::Body;
use axum::http::header::{CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::json_response;
use crate::limits::admission::AdmissionError;

/// A refusal. The body is `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The `Retry-After` for a limit of connections, in seconds. An estimate, because the time until other
/// clients leave is unknown.
const FULL_RETRY_SECONDS: u64 = 30;

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), header: None }
    }

    /// 400: the path does not name a room.
    #[must_use]
    pub fn bad_room(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_room_id", message)
    }

    /// 400: the resume token is invalid.
    #[must_use]
    pub fn bad_session(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_session", message)
    }

    /// 400: the text for a QR code is invalid.
    #[must_use]
    pub fn bad_text(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_text", message)
    }

    /// 400: `Sec-WebSocket-Key` is missing or invalid.
    #[must_use]
    pub fn bad_key() -> Self {
        let message = "Sec-WebSocket-Key must be 16 bytes in base64";
        Self::new(StatusCode::BAD_REQUEST, "bad_websocket_key", message)
    }

    /// 403: the origin may not connect.
    #[must_use]
    pub fn origin() -> Self {
        let message = "this server does not accept connections from that origin";
        Self::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
    }

    /// 405. The caller adds `Allow` if the methods are known.
    #[must_use]
    pub fn method() -> Self {
        let message = "this address does not support that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// 426: an ordinary request at a WebSocket's address.
    #[must_use]
    pub fn not_an_upgrade() -> Self {
        let message = "a room is a WebSocket: connect with an upgrade request";
        let header = Some((UPGRADE, HeaderValue::from_static("websocket")));
        Self { header, ..Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message) }
    }

    /// 426: a WebSocket of another version (RFC 6455 section 4.2.2).
    #[must_use]
    pub fn version(supported: &'static str) -> Self {
        let message = "only WebSocket version 13 is supported";
        let header = Some((SEC_WEBSOCKET_VERSION, HeaderValue::from_static(supported)));
        Self { header, ..Self::new(StatusCode::UPGRADE_REQUIRED, "websocket_version", message) }
    }

    /// 503: the store is not open yet.
    #[must_use]
    pub fn starting() -> Self {
        let message = "the server is starting: try again";
        let header = Some((RETRY_AFTER, HeaderValue::from_static("1")));
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", message) }
    }

    /// 503: the server shuts down.
    #[must_use]
    pub fn going_away() -> Self {
        let message = "the server is shutting down: reconnect";
        let header = Some((RETRY_AFTER, HeaderValue::from(2)));
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "going_away", message) }
    }

    /// 429 or 503: a limit of connections or rooms.
    #[must_use]
    pub fn denied(denial: AdmissionError) -> Self {
        let (server_full, address_over_limit) =
            (StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS);
        let (status, code, message, seconds) = match denial {
            AdmissionError::Connections => (
                server_full,
                "too_many_connections",
                "this server has reached its limit of connections",
                FULL_RETRY_SECONDS,
            ),
            AdmissionError::Rooms => (
                server_full,
                "too_many_rooms",
                "this server has reached its limit of rooms",
                FULL_RETRY_SECONDS,
            ),
            AdmissionError::AddressConnections => (
                address_over_limit,
                "too_many_connections_from_address",
                "your address has reached its limit of connections",
                FULL_RETRY_SECONDS,
            ),
            AdmissionError::AddressConnects { retry_after_seconds } => (
                address_over_limit,
                "connecting_too_often",
                "your address connects too often",
                retry_after_seconds,
            ),
            AdmissionError::AddressRooms { retry_after_seconds } => (
                address_over_limit,
                "too_many_rooms_from_address",
                "your address opens too many rooms",
                retry_after_seconds,
            ),
        };
        let header = Some((RETRY_AFTER, HeaderValue::from(seconds)));
        Self { header, ..Self::new(status, code, message) }
    }

    /// Returns the HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns whether the same request may succeed later.
    pub(super) fn is_temporary(&self) -> bool {
        self.header.as_ref().is_some_and(|(name, _)| name == RETRY_AFTER)
    }

    /// Returns the code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the response for programs. The response has the refusal as an extension, from which the layer
    /// around the routes makes a page for people.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = json_response(self.status, &body);
        let refusal = self.clone();
        response.extensions_mut().insert(refusal);
        let headers = response.headers_mut();
        if let Some((name, value)) = self.header {
            if name == UPGRADE {
                // RFC 9110 section 7.8.
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            }
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_codes_matches_the_refusals() {
        let retry_after_seconds = 1;
        let refusals = [
            Refusal::bad_room(""),
            Refusal::bad_session(""),
            Refusal::bad_key(),
            Refusal::origin(),
            Refusal::not_an_upgrade(),
            Refusal::version("13"),
            Refusal::starting(),
            Refusal::going_away(),
            Refusal::denied(AdmissionError::Connections),
            Refusal::denied(AdmissionError::Rooms),
            Refusal::denied(AdmissionError::AddressConnections),
            Refusal::denied(AdmissionError::AddressConnects { retry_after_seconds }),
            Refusal::denied(AdmissionError::AddressRooms { retry_after_seconds }),
        ];
        assert_eq!(refusals.map(|refusal| refusal.code()), crate::metrics::HANDSHAKE_CODES);
    }
}
