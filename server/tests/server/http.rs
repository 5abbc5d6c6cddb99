//! Pages, files and QR codes. Browser tests cover the page itself, with a compiled client.

use crate::support::{TestServer, raw};

#[tokio::test]
async fn unknown_file_is_a_404_and_not_the_page() {
    let server = TestServer::start().await;
    for path in [
        "/nothing.js",
        "/room",
        "/room/",
        "/room/a/b",
        "/index.html",
        "/room.html",
        "/../etc/passwd",
        "/xgate",
    ] {
        let response = raw::get(server.address, path, &[]).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn page_of_a_room_is_the_front_page_with_paths_one_folder_deeper() {
    let server = TestServer::start().await;
    let page = raw::get(server.address, "/", &[]).await;
    let noindex = "</title><meta name=\"robots\" content=\"noindex\">";
    let down = page.text().replace("\"./", "\"../").replacen("</title>", noindex, 1);
    for path in ["/room/a", "/room/%E8%81%8A%E5%A4%A9", "/room/a%2Fb", "/room/a?nickname=x"] {
        let room = raw::get(server.address, path, &[]).await;
        assert_eq!((room.status, room.text()), (page.status, down.as_str()), "{path}");
    }
    // Without a compiled client the page is a sentence that says so.
    if page.status == 200 {
        assert!(page.text().starts_with("<!"));
        assert!(page.header("etag").is_some());
    } else {
        assert_eq!(page.status, 503);
        assert!(page.text().contains("without the web client"));
    }
}

#[tokio::test]
async fn pages_accept_only_get_and_head() {
    let server = TestServer::start().await;
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/", "/room/a", "/x.js"] {
            let (response, _) = raw::request(server.address, method, path, &[]).await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"), "{method} {path}");
            assert!(response.text().contains("\"code\":\"method_not_allowed\""), "{path}");
        }
    }
    let (head, _) = raw::request(server.address, "HEAD", "/", &[]).await;
    assert_eq!(head.status, raw::get(server.address, "/", &[]).await.status);
}

#[tokio::test]
async fn qr_code_is_drawn_or_refused_with_a_reason() {
    let server = TestServer::start().await;
    let drawn = raw::get(server.address, "/qr.svg?text=http%3A%2F%2Fx%2Froom%2Fa", &[]).await;
    assert_eq!(drawn.status, 200);
    assert_eq!(drawn.header("content-type"), Some("image/svg+xml"));
    assert!(drawn.header("cache-control").is_some_and(|value| value.contains("max-age=")));
    assert!(drawn.text().starts_with("<svg ") && drawn.text().ends_with("</svg>"));
    let longest = format!("/qr.svg?text={}", "%E8%81%8A".repeat(341));
    assert_eq!(raw::get(server.address, &longest, &[]).await.status, 200);
    let too_long = format!("/qr.svg?text={}", "a".repeat(1025));
    for (path, reason) in [
        ("/qr.svg", "no text"),
        ("/qr.svg?text=", "no text"),
        ("/qr.svg?text=%FF", "UTF-8"),
        (too_long.as_str(), "1024"),
    ] {
        let refused = raw::get(server.address, path, &[]).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.header("content-type"), Some("application/json"));
        assert!(refused.text().contains("bad_text") && refused.text().contains(reason), "{path}");
    }
}
