//! Pages for people and JSON for programs, by `Accept`. Search engines may not list rooms. Requests of load
//! balancers and crawlers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::raw::Response;
use crate::support::{Client, TestServer, raw, soon};

/// The headers of a browser that opens an address.
const BROWSER: (&str, &str) =
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const ENGLISH: (&str, &str) = ("Accept-Language", "en-GB,en;q=0.9");
const CHINESE: (&str, &str) = ("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8");

/// Asserts that a response is a page in one language, and safe to show.
fn assert_page(response: &Response, language: &str, words: &str) {
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    let page = response.text();
    assert!(page.contains(&format!("<html lang=\"{language}\">")), "{page}");
    assert!(page.contains(words), "{words}: {page}");
    for inline in ["<script", "<style", "style=", "onclick"] {
        assert!(!page.contains(inline), "{page}");
    }
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'self'") && !policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(response.header("x-robots-tag"), Some("noindex"));
    assert_eq!(response.header("vary"), Some("accept, accept-language"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn assert_json(response: &Response, code: &str) {
    assert_eq!(response.header("content-type"), Some("application/json"), "{code}");
    assert!(response.text().contains(&format!("\"code\":\"{code}\"")), "{}", response.text());
}

#[tokio::test]
async fn refusal_is_a_page_for_a_browser_and_json_for_a_program() {
    let server = TestServer::start().await;
    for (path, status, code, english, chinese) in [
        ("/about", 404, "not_found", "Page not found", "页面不存在"),
        ("/room/a/b", 404, "not_found", "Page not found", "页面不存在"),
        ("/index.html", 404, "not_found", "Page not found", "页面不存在"),
        ("/qr.svg", 400, "bad_text", "Couldn’t make a QR code", "无法生成二维码"),
    ] {
        let answer = raw::get(server.address, path, &[BROWSER, ENGLISH]).await;
        assert_eq!(answer.status, status, "{path}");
        assert_page(&answer, "en", english);
        let answer = raw::get(server.address, path, &[BROWSER, CHINESE]).await;
        assert_eq!(answer.status, status, "{path}");
        assert_page(&answer, "zh-CN", chinese);
        for accept in ["*/*", "application/json", "image/avif,image/webp,*/*;q=0.8"] {
            let answer = raw::get(server.address, path, &[("Accept", accept)]).await;
            assert_eq!(answer.status, status, "{path}");
            assert_json(&answer, code);
        }
        assert_json(&raw::get(server.address, path, &[]).await, code);
    }
    let (answer, _) = raw::request(server.address, "POST", "/", &[BROWSER, ENGLISH]).await;
    assert_eq!(answer.status, 405);
    assert_page(&answer, "en", "This page can’t receive data");
    // Paths for programs have the same responses for browsers.
    let answer = raw::get(server.address, "/xgate/websocket/r", &[BROWSER, ENGLISH]).await;
    assert_eq!(answer.status, 426);
    assert_json(&answer, "upgrade_required");
    let answer = raw::get(server.address, "/xgate/other", &[BROWSER]).await;
    assert_json(&answer, "not_found");
    let answer = raw::get(server.address, "/readyz", &[BROWSER]).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn page_of_a_refusal_finds_its_style_and_the_front_page_from_any_depth() {
    let server = TestServer::start().await;
    for (path, root) in [("/about", "./"), ("/room/a/b", "../../"), ("/a/b/c/", "../../../")] {
        let answer = raw::get(server.address, path, &[BROWSER, ENGLISH]).await;
        let page = answer.text();
        assert!(page.contains(&format!("href=\"{root}refusal.css\"")), "{path}: {page}");
        assert!(page.contains(&format!("href=\"{root}\"")), "{path}: {page}");
    }
    let style = raw::get(server.address, "/refusal.css", &[]).await;
    assert_eq!(style.status, 200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
}

#[tokio::test]
async fn browser_over_a_connection_limit_gets_a_page() {
    let server = TestServer::limited(&["--connections-per-address", "1"]).await;
    let _first = Client::enter(server.address, "r", "a").await;
    for path in ["/", "/room/a", "/room/"] {
        let answer = raw::get(server.address, path, &[BROWSER, CHINESE]).await;
        assert_eq!(answer.status, 429, "{path}");
        assert_page(&answer, "zh-CN", "你的网络连接数过多");
        assert!(answer.text().contains("重试"), "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    let answer = raw::get(server.address, "/", &[]).await;
    assert_json(&answer, "too_many_connections_from_address");
    let server = TestServer::limited(&["--connections-max", "1"]).await;
    let _first = Client::enter(server.address, "r", "a").await;
    let answer = raw::get(server.address, "/room/a", &[BROWSER, ENGLISH]).await;
    assert_eq!(answer.status, 503);
    assert_page(&answer, "en", "XMeet is full right now");
}

#[tokio::test]
async fn mistyped_address_with_a_clear_meaning_is_redirected() {
    let server = TestServer::with(&["--path-prefix", "/chat"]).await;
    for (path, place) in [
        ("/room", "./"),
        ("/room/", "../"),
        ("/chat/room", "./"),
        ("/room/lobby/", "../lobby"),
        ("/chat/room/%E8%81%8A%2F/?nickname=x", "../%E8%81%8A%2F?nickname=x"),
    ] {
        for method in ["GET", "HEAD"] {
            let (answer, _) = raw::request(server.address, method, path, &[BROWSER]).await;
            assert_eq!(answer.status, 307, "{path}");
            assert_eq!(answer.header("location"), Some(place), "{path}");
            assert!(answer.header("content-security-policy").is_some());
        }
        assert_eq!(raw::get(server.address, path, &[]).await.status, 404, "{path}");
    }
    // No redirect leads to another host.
    for path in ["/room//evil.example/", "/room//", "//evil.example/"] {
        let answer = raw::get(server.address, path, &[BROWSER]).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{path}");
    }
}

#[tokio::test]
async fn search_engines_may_list_the_front_page_only() {
    let server = TestServer::with(&["--path-prefix", "/chat"]).await;
    for (path, listed) in [
        ("/", true),
        ("/chat/", true),
        ("/robots.txt", true),
        ("/room/secret", false),
        ("/chat/room/secret", false),
        ("/room/", false),
        ("/qr.svg?text=a", false),
        ("/nothing", false),
        ("/healthz", false),
    ] {
        let answer = raw::get(server.address, path, &[]).await;
        let tag = answer.header("x-robots-tag");
        assert_eq!(tag, (!listed).then_some("noindex"), "{path}");
    }
    let robots = raw::get(server.address, "/robots.txt", &[]).await;
    assert_eq!(robots.status, 200);
    assert_eq!(robots.header("content-type"), Some("text/plain; charset=utf-8"));
    // An engine must read a room's page to learn that it must not list it.
    assert!(!robots.text().contains("/room"), "{}", robots.text());
}

#[tokio::test]
async fn options_returns_the_methods_of_every_address() {
    let server = TestServer::limited(&["--connections-per-address", "1"]).await;
    for round in ["within the limits", "past a limit"] {
        for path in ["/", "*", "/room/a", "/nothing", "/xgate/websocket/r", "/healthz", "/readyz"] {
            let (answer, _) = raw::request(server.address, "OPTIONS", path, &[BROWSER]).await;
            assert_eq!(answer.status, 204, "{path} {round}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"), "{path} {round}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        }
        if round == "within the limits" {
            std::mem::forget(Client::enter(server.address, "r", "a").await);
        }
    }
}

/// The default health check of HAProxy.
#[tokio::test]
async fn options_by_http_1_0_without_a_host_is_answered() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"OPTIONS / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 204 "), "{answer}");
}

#[tokio::test]
async fn connect_and_asterisk_are_refused_without_a_redirect() {
    let server = TestServer::start().await;
    for (method, path, status) in
        [("CONNECT", "example.org:443", 405), ("GET", "*", 404), ("PUT", "*", 405)]
    {
        let (answer, _) = raw::request(server.address, method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("location"), None, "{method} {path}");
    }
}

#[tokio::test]
async fn head_returns_the_headers_of_get() {
    let server = TestServer::start().await;
    // Before the first member has joined, `/readyz` may answer that the server is starting.
    let _member = Client::enter(server.address, "r", "a").await;
    for path in [
        "/",
        "/room/a",
        "/qr.svg?text=a",
        "/robots.txt",
        "/refusal.css",
        "/healthz",
        "/readyz",
        "/nothing",
        "/favicon.ico",
    ] {
        let (head, _) = raw::request(server.address, "HEAD", path, &[]).await;
        let get = raw::get(server.address, path, &[]).await;
        let all_but_date = |response: &Response| -> Vec<_> {
            response.headers.iter().filter(|(name, _)| name != "date").cloned().collect()
        };
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(all_but_date(&head), all_but_date(&get), "{path}");
    }
}

#[tokio::test]
async fn favicon_is_the_icon_of_the_client() {
    let server = TestServer::start().await;
    let asked = raw::get(server.address, "/favicon.ico", &[]).await;
    let icon = raw::get(server.address, "/icons/icon-192.png", &[]).await;
    // Without a compiled client there is no icon.
    assert_eq!((asked.status, asked.body), (icon.status, icon.body));
}
