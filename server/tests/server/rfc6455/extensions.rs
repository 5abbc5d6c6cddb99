//! Groups 12 and 13 of the suite, and RFC 6455 section 9: extensions and subprotocols. The server never
//! negotiates one, so no compressed frame can expand.

use super::*;

/// Extensions that browsers and libraries offer.
const OFFERS: [&str; 4] = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8",
    "x-webkit-deflate-frame, permessage-bzip2; client_max_compress_level=9",
];

#[tokio::test]
async fn compression_is_never_negotiated() {
    let table = Table::with(&[]).await;
    for offer in OFFERS {
        let headers = [("Sec-WebSocket-Extensions", offer)];
        let (response, mut stream) =
            raw::upgrade(table.server.address, &path("r", "n"), &headers).await;
        assert_eq!(response.status, 101, "{offer}");
        assert_eq!(response.header("sec-websocket-extensions"), None, "{offer}");
        // A compressed "Hello" of a client that ignores the response.
        let deflated = frame(TEXT | 0x40, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        stream.write_all(&deflated).await.unwrap();
        assert_eq!(raw::read_close(&mut stream).await.0, 1002, "{offer}");
    }
}

#[tokio::test]
async fn offered_subprotocol_is_not_chosen() {
    let table = Table::with(&[]).await;
    let headers = [("Sec-WebSocket-Protocol", "chat, superchat")];
    let (response, _) = raw::upgrade(table.server.address, &path("r", "n"), &headers).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-protocol"), None);
}
