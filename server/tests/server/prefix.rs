//! A server below a path prefix of a site.

use crate::support::client::path;
use crate::support::{Client, TestServer, raw};

#[tokio::test]
async fn prefix_that_a_proxy_leaves_is_removed() {
    let server = TestServer::with(&["--path-prefix", "/chat/"]).await;
    for (whole, short) in [
        ("/chat/", "/"),
        ("/chat/room/a%2Fb?nickname=x", "/room/a%2Fb?nickname=x"),
        ("/chat/qr.svg?text=a", "/qr.svg?text=a"),
        ("/chat/nothing", "/nothing"),
        ("/chat/room/", "/room/"),
    ] {
        let found = raw::get(server.address, whole, &[]).await;
        let expected = raw::get(server.address, short, &[]).await;
        assert_eq!((found.status, &found.body), (expected.status, &expected.body), "{whole}");
    }
    for path in ["/chatter/", "/chat/chat/", "/other/room/a"] {
        assert_eq!(raw::get(server.address, path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn room_is_the_same_with_and_without_the_prefix() {
    let server = TestServer::with(&["--path-prefix", "/a/chat"]).await;
    let mut inside = Client::enter(server.address, "a/b", "inside").await;
    let outside = format!("/a/chat{}", path("a/b", "outside"));
    let mut outside = Client::enter_by(server.address, &outside, &[]).await;
    assert_eq!(inside.next().await.message.kind(), "join");
    outside.say("hello").await;
    assert_eq!(inside.next_said().await.1, "hello");
}

#[tokio::test]
async fn prefix_without_a_slash_redirects_to_the_front_page() {
    let server = TestServer::with(&["--path-prefix", "/chat"]).await;
    let moved = raw::get(server.address, "/chat?nickname=x", &[]).await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/chat/")));
    assert!(moved.header("content-security-policy").is_some());
}
