//! Protocol, "Connecting": which pages may connect.

use crate::support::client::path;
use crate::support::{Process, TestServer, raw};

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
    // A program has no origin, or whichever it likes: the list is for pages.
    assert_eq!(status(&server, None).await, 101);
}

#[tokio::test]
async fn with_an_empty_list_no_page_of_another_site_may_connect() {
    let server = TestServer::with(&["--allow-origin="]).await;
    // The host that is asked for here.
    for origin in [None, Some("http://xmeet.test"), Some("https://XMEET.test")] {
        assert_eq!(status(&server, origin).await, 101, "{origin:?}");
    }
    for origin in [
        "https://a.example",
        "https://xmeet.test:8443",
        "https://xmeet.test.evil",
        "xmeet.test",
        "null",
        "",
    ] {
        assert_eq!(status(&server, Some(origin)).await, 403, "{origin}");
    }
}

/// An empty variable is what a template leaves behind; an empty list is a lone comma.
#[tokio::test]
async fn lone_comma_in_a_variable_is_an_empty_list_and_an_empty_variable_is_none() {
    for (variable, status) in [(",", 403), ("", 101)] {
        let folder = tempfile::TempDir::new().unwrap();
        let mut command = Process::command(folder.path());
        command.env("XMEET_ALLOW_ORIGIN", variable);
        let process = Process::spawn(command);
        let headers = [("Origin", "https://a.example")];
        let answer = raw::upgrade(process.address, &path("r", "n"), &headers).await.0;
        assert_eq!(answer.status, status, "{variable:?}");
        assert_eq!(raw::upgrade(process.address, &path("r", "n"), &[]).await.0.status, 101);
    }
}
