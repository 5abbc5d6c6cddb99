//! `GET /qr.svg?text=…` returns a text as a QR code, for opening a room on a phone.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use percent_encoding::percent_decode_str;
use qrcodegen::{DataTooLong, QrCode, QrCodeEcc};
use tokio::sync::Semaphore;

use super::refusal::Refusal;
use crate::tasks::run_blocking;

/// The longest text, in bytes. A room's address is shorter than half of it.
const TEXT_BYTES_MAX: usize = 1024;

/// The width of the empty border in modules (ISO/IEC 18004).
const QUIET_ZONE: i32 = 4;

/// The number of codes that are drawn at the same time. Further codes wait, so that rooms keep the
/// processors.
const DRAWN_AT_ONCE_MAX: usize = 1;
static DRAWING: Semaphore = Semaphore::const_new(DRAWN_AT_ONCE_MAX);

/// The same text always gives the same picture, so it can be cached.
const CACHING: &str = "public, max-age=86400";

/// Draws the `text` of the query in black on white.
pub(super) async fn picture(request: Request) -> Response<Body> {
    let text = match text(request.uri().query().unwrap_or_default()) {
        Ok(text) => text,
        Err(refusal) => return refusal.into_response(),
    };
    // On a blocking thread, because a long text takes milliseconds.
    let _turn = DRAWING.acquire().await;
    let svg = match run_blocking(move || draw(&text)).await {
        Some(Ok(svg)) => svg,
        _ => return Refusal::bad_text("the text cannot be drawn").into_response(),
    };
    let mut response = Response::new(Body::from(svg));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHING));
    response
}

/// Returns the `text` of a query, percent-decoded. A `+` stays a plus.
fn text(query: &str) -> Result<String, Refusal> {
    let encoded = query.split('&').find_map(|pair| pair.strip_prefix("text=")).unwrap_or_default();
    let text = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| Refusal::bad_text("the text is not percent-encoded UTF-8"))?;
    match text.len() {
        0 => Err(Refusal::bad_text("there is no text to draw: give one as text=...")),
        1..=TEXT_BYTES_MAX => Ok(text.into_owned()),
        _ => Err(Refusal::bad_text("the text is longer than 1024 bytes")),
    }
}

/// Returns the QR code of a text as SVG: one path with a rectangle for each run of black modules in a row.
fn draw(text: &str) -> Result<String, DataTooLong> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)?;
    let side = code.size() + 2 * QUIET_ZONE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path d=\""
    );
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|&x| code.get_module(x, y)).count();
            let run = i32::try_from(run).unwrap_or(i32::MAX);
            if run > 0 {
                // Writing to a String cannot fail.
                let _ = write!(svg, "M{} {}h{run}v1h-{run}z", x + QUIET_ZONE, y + QUIET_ZONE);
            }
            x += run + 1;
        }
    }
    svg.push_str("\"/></svg>");
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_percent_decoded() {
        assert_eq!(text("a=b&text=http%3A%2F%2Fx%2F%E8%81%8A+%25"), Ok("http://x/聊+%".into()));
        assert_eq!(text(&format!("text={}", "a".repeat(1024))), Ok("a".repeat(1024)));
        for refused in ["", "text=", "Text=a", "text=%FF", &format!("text={}", "a".repeat(1025))] {
            assert!(text(refused).is_err(), "{refused}");
        }
    }

    /// Parses the path of a picture, and compares its black modules with the code.
    #[test]
    fn picture_is_the_code_inside_a_quiet_zone() {
        for words in ["http://127.0.0.1:8080/room/tea", "聊天室", &"x".repeat(TEXT_BYTES_MAX)] {
            let svg = draw(words).unwrap();
            let code = QrCode::encode_text(words, QrCodeEcc::Medium).unwrap();
            let side = code.size() + 2 * QUIET_ZONE;
            assert!(svg.contains(&format!("viewBox=\"0 0 {side} {side}\"")), "{words}");
            let path = svg.rsplit_once(" d=\"").unwrap().1.split_once('"').unwrap().0;
            let mut black = std::collections::HashSet::new();
            for run in path.split('z').filter(|run| !run.is_empty()) {
                let (start, rest) = run[1..].split_once('h').unwrap();
                let (x, y) = start.split_once(' ').unwrap();
                let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
                let length: i32 = rest.split_once('v').unwrap().0.parse().unwrap();
                black.extend((x..x + length).map(|x| (x, y)));
            }
            for y in 0..side {
                for x in 0..side {
                    let expected = code.get_module(x - QUIET_ZONE, y - QUIET_ZONE);
                    assert_eq!(black.contains(&(x, y)), expected, "{words}: {x} {y}");
                }
            }
        }
    }
}
