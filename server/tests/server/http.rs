//! What is served beside the rooms. The page itself is tried in a browser, with a compiled client.

use crate::support::{TestServer, raw};

#[tokio::test]
async fn an_unknown_file_is_a_404_and_not_the_page() {
    let server = TestServer::start().await;
    for path in
        ["/nothing.js", "/room", "/room/", "/room/a/b", "/index.html", "/../etc/passwd", "/xgate"]
    {
        let response = raw::get(server.address, path, &[]).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn every_room_has_the_same_page_as_none() {
    let server = TestServer::start().await;
    let page = raw::get(server.address, "/", &[]).await;
    for path in ["/room/a", "/room/%E8%81%8A%E5%A4%A9", "/room/a%2Fb", "/?nickname=x"] {
        let room = raw::get(server.address, path, &[]).await;
        assert_eq!((room.status, &room.body), (page.status, &page.body), "{path}");
    }
    // Without a compiled client there is a sentence that says so.
    if page.status == 200 {
        assert!(page.text().starts_with("<!"));
        assert!(page.header("etag").is_some());
    } else {
        assert_eq!(page.status, 503);
        assert!(page.text().contains("without the web client"));
    }
}

#[tokio::test]
async fn nothing_but_reading_is_done_to_pages() {
    let server = TestServer::start().await;
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/", "/room/a", "/x.js"] {
            let (response, _) = raw::request(server.address, method, path, &[]).await;
            assert_eq!(response.status, 405, "{method} {path}");
        }
    }
    let (head, _) = raw::request(server.address, "HEAD", "/", &[]).await;
    assert_eq!(head.status, raw::get(server.address, "/", &[]).await.status);
}
