//! Serves the web client from inside the binary, where `build/main.rs` puts it.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::people;
use super::qvalue::parse_weighted_list;
use super::refusal::Refusal;

/// One file of the web client.
struct Asset {
    /// The path, as `/xmeet-0123456789abcdef.js`.
    path: &'static str,
    content_type: &'static str,
    /// A strong entity tag (RFC 9110 section 8.8.3) of the uncompressed bytes, quotes included.
    etag: &'static str,
    /// Whether the name has a hash of the content, so that the file never changes.
    is_hashed: bool,
    plain: &'static [u8],
    /// Empty if compression does not help.
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The pages for `/` and for rooms, which are one folder deeper. A page names its files relative to its own
/// address, because only the browser knows a proxy's prefix.
const PAGE_PATH: &str = "/index.html";
const ROOM_PAGE_PATH: &str = "/room/index.html";

/// The address at which browsers look for an icon, and the icon's file.
const FAVICON_PATH: &str = "/favicon.ico";
const ICON_PATH: &str = "/icons/icon-192.png";

const REVALIDATE: &str = "no-cache";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const NO_CLIENT: &str = "This xmeet was built without the web client, and serves rooms only, at \
                         /xgate/websocket/{room}. `cargo xtask dist` builds both.\n";

/// An extension of responses: the response is a file of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsPageFile;

/// Serves the front page.
pub(super) async fn page(request: Request) -> Response<Body> {
    serve_page(PAGE_PATH, &request)
}

/// Serves the page of a room.
pub(super) async fn room_page(request: Request) -> Response<Body> {
    serve_page(ROOM_PAGE_PATH, &request)
}

fn serve_page(path: &str, request: &Request) -> Response<Body> {
    match find(path) {
        Some(asset) => serve(asset, request.headers()),
        None => {
            let mut response = Response::new(Body::from(NO_CLIENT));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            response
        }
    }
}

/// Serves a file of the page. Redirects a mistyped address of a room, and refuses other addresses.
pub(super) async fn file(request: Request) -> Response<Body> {
    if let Some(response) = people::redirect(&request) {
        return response;
    }
    let path = match request.uri().path() {
        FAVICON_PATH => ICON_PATH,
        path => path,
    };
    match find(path) {
        Some(asset) if ![PAGE_PATH, ROOM_PAGE_PATH].contains(&asset.path) => {
            let mut response = serve(asset, request.headers());
            response.extensions_mut().insert(IsPageFile);
            response
        }
        _ => Refusal::not_found().into_response(),
    }
}

/// Returns the file with this path.
fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Returns the response with a file in the best encoding, or 304 if the client has it.
fn serve(asset: &'static Asset, request: &HeaderMap) -> Response<Body> {
    let (encoding, bytes) = negotiate(asset, request);
    let mut response = Response::new(Body::from(Bytes::from_static(bytes)));
    // Each encoding is its own representation with its own tag (RFC 9110 section 8.8.3.3).
    let etag = match encoding {
        Some(encoding) => format!("{}-{encoding}\"", asset.etag.trim_end_matches('"')),
        None => asset.etag.to_owned(),
    };
    if is_known(&etag, request) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    } else {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    let headers = response.headers_mut();
    let caching = if asset.is_hashed { IMMUTABLE } else { REVALIDATE };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// Returns the smallest encoding that the client accepts (RFC 9110 section 12.5.3).
fn negotiate(asset: &'static Asset, request: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    if !asset.brotli.is_empty() && accepts(request, "br") {
        (Some("br"), asset.brotli)
    } else if !asset.gzip.is_empty() && accepts(request, "gzip") {
        (Some("gzip"), asset.gzip)
    } else {
        (None, asset.plain)
    }
}

/// Returns whether the client accepts a content coding.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let values = request.get_all(ACCEPT_ENCODING);
    let weight = |wanted: &str| {
        let texts = values.iter().filter_map(|value| value.to_str().ok());
        let mut known = texts.flat_map(parse_weighted_list);
        known.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, weight)| weight)
    };
    weight(coding).or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

/// Returns whether the client has the version with this tag (`If-None-Match`, RFC 9110 section 13.1.2).
fn is_known(etag: &str, request: &HeaderMap) -> bool {
    let values = request.get_all(IF_NONE_MATCH);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).any(
        |known| {
            let known = known.trim();
            known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    static ASSET: Asset = ASSET_TEMPLATE;

    const ASSET_TEMPLATE: Asset = Asset {
        path: "/a-0123456789abcdef.js",
        content_type: "text/javascript; charset=utf-8",
        etag: "\"0123\"",
        is_hashed: true,
        plain: b"plain",
        brotli: b"br",
        gzip: b"gz",
    };

    fn header(response: &Response<Body>, name: axum::http::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn smallest_accepted_encoding_is_served() {
        let cases = [("gzip, br", "br", "br"), ("gzip", "gzip", "gz"), ("identity", "", "plain")];
        for (accepted, encoding, body) in cases {
            let response = serve(&ASSET, &accepting(accepted));
            assert_eq!(header(&response, CONTENT_ENCODING), encoding);
            assert_eq!(header(&response, CONTENT_TYPE), ASSET.content_type);
            assert_eq!(header(&response, VARY), "accept-encoding");
            let bytes = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
            assert_eq!(bytes, body);
        }
    }

    #[test]
    fn known_entity_tag_gets_304() {
        let mut tags = Vec::new();
        for accepted in ["br", "gzip", "identity"] {
            let mut request = accepting(accepted);
            let etag = header(&serve(&ASSET, &request), ETAG).to_owned();
            request
                .insert(IF_NONE_MATCH, HeaderValue::from_str(&format!("\"x\", W/{etag}")).unwrap());
            let response = serve(&ASSET, &request);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(header(&response, ETAG), etag);
            tags.push(etag);
        }
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 3, "each form has its own tag");
    }

    #[test]
    fn only_names_with_a_hash_are_immutable() {
        assert_eq!(header(&serve(&ASSET, &accepting("br")), CACHE_CONTROL), IMMUTABLE);
        static PAGE: Asset = Asset { path: "/index.html", is_hashed: false, ..ASSET_TEMPLATE };
        assert_eq!(header(&serve(&PAGE, &accepting("br")), CACHE_CONTROL), REVALIDATE);
    }

    #[test]
    fn encoding_with_weight_zero_is_refused() {
        assert!(accepts(&accepting("gzip, deflate, br"), "br"));
        assert!(accepts(&accepting("*"), "br"));
        assert!(accepts(&accepting("br;q=0.1"), "br"));
        assert!(!accepts(&accepting("br;Q=0"), "br"));
        assert!(!accepts(&accepting("gzip, br;q=0, *"), "br"));
        assert!(!accepts(&accepting("identity"), "gzip"));
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
