//! Protocol, "Connecting": origins that may connect.

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
async fn only_listed_origins_may_connect() {
    let server =
        TestServer::with(&["--allow-origin", "https://a.example, https://b.example:8443"]).await;
    for origin in ["https://a.example", "https://b.example:8443"] {
        assert_eq!(status(&server, Some(origin)).await, 101, "{origin}");
    }
    for origin in ["https://b.example", "http://a.example", "https://a.example.evil", "null"] {
        assert_eq!(status(&server, Some(origin)).await, 403, "{origin}");
    }
    // The list restricts pages only, because a program can send any origin.
    assert_eq!(status(&server, None).await, 101);
}

#[tokio::test]
async fn empty_list_excludes_pages_of_other_sites() {
    let server = TestServer::with(&["--allow-origin="]).await;
    // The origin of the requested host.
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

/// Templates leave empty variables behind, so an empty variable is no list. A lone comma is an empty list.
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
