//! Below a path of a site that has other things too.

use crate::support::client::path;
use crate::support::{Client, TestServer, raw};

#[tokio::test]
async fn what_a_proxy_leaves_before_the_paths_is_taken_away() {
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
async fn a_room_below_a_prefix_is_the_room_without_one() {
    let server = TestServer::with(&["--path-prefix", "/a/chat"]).await;
    let mut inside = Client::enter(server.address, "a/b", "inside").await;
    let outside = format!("/a/chat{}", path("a/b", "outside"));
    let mut outside = Client::enter_by(server.address, &outside, &[]).await;
    assert_eq!(inside.next().await.message.kind(), "join");
    outside.say("hello").await;
    assert_eq!(inside.next_said().await.1, "hello");
}

#[tokio::test]
async fn the_prefix_itself_leads_to_the_front_page() {
    let server = TestServer::with(&["--path-prefix", "/chat"]).await;
    let moved = raw::get(server.address, "/chat?nickname=x", &[]).await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/chat/")));
    assert!(moved.header("content-security-policy").is_some());
}
