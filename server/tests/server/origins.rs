//! Protocol, "Connecting": which pages may connect.

use crate::support::client::path;
use crate::support::{TestServer, raw};

async fn status(server: &TestServer, origin: Option<&str>) -> u16 {
    let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
    raw::upgrade(server.address, &path("r", "n"), &headers).await.0.status
}

#[tokio::test]
async fn every_origin_may_connect_unless_a_list_is_set() {
    let server = TestServer::start().await;
    for origin in [None, Some("https://anywhere.example"), Some("null")] {
        assert_eq!(status(&server, origin).await, 101, "{origin:?}");
    }
}

#[tokio::test]
async fn with_a_list_only_its_origins_may_connect() {
    let server =
        TestServer::with(&["--allow-origin", "https://a.example, https://b.example:8443"]).await;
    for origin in ["https://a.example", "https://b.example:8443"] {
        assert_eq!(status(&server, Some(origin)).await, 101, "{origin}");
    }
    for origin in ["https://b.example", "http://a.example", "https://a.example.evil", "null"] {
        assert_eq!(status(&server, Some(origin)).await, 403, "{origin}");
    }
    assert_eq!(status(&server, None).await, 403);
}
