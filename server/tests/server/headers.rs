//! The security headers of every response.

use crate::support::{TestServer, raw};

/// Headers of every response.
const SAFE: [(&str, &str); 2] =
    [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")];

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let server = TestServer::start().await;
    let mut answers = Vec::new();
    for path in [
        "/",
        "/room/a",
        "/qr.svg?text=a",
        "/qr.svg",
        "/sw.js",
        "/nothing.js",
        "/xgate/websocket/a",
        "/xgate/websocket/",
    ] {
        answers.push((path, raw::get(server.address, path, &[]).await));
    }
    answers.push(("POST /", raw::request(server.address, "POST", "/", &[]).await.0));
    answers.push(("HEAD /", raw::request(server.address, "HEAD", "/", &[]).await.0));
    let bad = [("Sec-WebSocket-Version", "7"), ("Connection", "upgrade"), ("Upgrade", "websocket")];
    answers.push(("version 7", raw::get(server.address, "/xgate/websocket/a", &bad).await));
    for (path, answer) in &answers {
        for (name, value) in SAFE {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        let policy = answer.header("content-security-policy").expect(path);
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(policy.ends_with("; frame-ancestors 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        // Files of the page exist only with a compiled client, and have fewer headers.
        if *path != "/sw.js" {
            for word in ["script-src 'self' 'wasm-unsafe-eval'", "base-uri 'none'"] {
                assert!(policy.contains(word), "{path}: {policy}");
            }
            assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"), "{path}");
            let permissions = answer.header("permissions-policy").expect(path);
            assert!(permissions.contains("camera=()"), "{path}: {permissions}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "this is no TLS");
    }
    let statuses: Vec<_> = answers.iter().map(|(_, answer)| answer.status).collect();
    assert!([400, 404, 405, 426].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn frame_ancestors_setting_is_in_the_policy() {
    let hosts = ["--frame-ancestors", "self,https://wiki.example"];
    for (setting, ancestors, older) in [
        (hosts, "frame-ancestors 'self' https://wiki.example", None),
        (["--frame-ancestors", "none"], "frame-ancestors 'none'", Some("DENY")),
        (["--frame-ancestors", "*"], "frame-ancestors *", None),
    ] {
        let server = TestServer::with(&setting).await;
        let page = raw::get(server.address, "/room/a", &[]).await;
        assert!(page.header("content-security-policy").unwrap().ends_with(ancestors));
        assert_eq!(page.header("x-frame-options"), older);
    }
}
