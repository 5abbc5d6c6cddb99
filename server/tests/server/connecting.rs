//! Protocol, "Connecting": room ids, nicknames, the cookie, and refusals before the upgrade.

use xmeet_shared::Nickname;

use crate::support::client::path;
use crate::support::{Client, TestServer, raw};

const ROOM: &str = "/xgate/websocket/r";

/// Returns the nickname of a new member, and its cookie.
async fn named(server: &TestServer, query: &str, headers: &[(&str, &str)]) -> (String, String) {
    let (response, stream) = raw::upgrade(server.address, &format!("{ROOM}{query}"), headers).await;
    let cookie = response.header("set-cookie").expect("a cookie").to_owned();
    (Client::greeted(stream).await.nickname().to_owned(), cookie)
}

#[tokio::test]
async fn room_ids_of_every_script_are_rooms() {
    let server = TestServer::start().await;
    let longest = "界".repeat(42) + "ab";
    for id in [
        "f45c6d7720375d90f660a7b7e3ae11bf",
        "xnestname",
        "123",
        "聊天室",
        "a b+c",
        "a/b",
        "%",
        longest.as_str(),
    ] {
        let mut client = Client::enter(server.address, id, "n").await;
        client.send("x").await;
        assert_eq!(client.next().await.xnest.as_str(), id);
    }
}

#[tokio::test]
async fn different_encodings_of_an_id_are_the_same_room() {
    let server = TestServer::start().await;
    let mut first =
        Client::enter_by(server.address, "/xgate/websocket/r%6fom?nickname=a", &[]).await;
    let second = Client::enter_by(server.address, "/xgate/websocket/room?nickname=b", &[]).await;
    assert_eq!(second.members.len(), 2);
    assert_eq!(first.next().await.xnest.as_str(), "room");
}

#[tokio::test]
async fn invalid_room_id_is_a_400_with_a_reason() {
    let server = TestServer::start().await;
    let too_long = "a".repeat(129);
    let much_too_long = "a".repeat(10_000);
    let cases = [
        ("", "empty"),
        ("%00", "control"),
        ("a%0Ab", "control"),
        ("%C2%85", "control"),
        ("%FF", "UTF-8"),
        ("%2E", "'.'"),
        ("..", "'.'"),
        ("a/b", "segment"),
        ("a/", "segment"),
        (too_long.as_str(), "129 bytes"),
        (much_too_long.as_str(), "10000 bytes"),
    ];
    for (id, why) in cases {
        let path = format!("/xgate/websocket/{id}");
        let (response, _) = raw::upgrade(server.address, &path, &[]).await;
        assert_eq!(response.status, 400, "{id:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["error"]["code"], "bad_room_id");
        assert!(body["error"]["message"].as_str().unwrap().contains(why), "{id:?}: {body}");
    }
}

#[tokio::test]
async fn nickname_parameter_is_form_decoded_and_cleaned() {
    let server = TestServer::start().await;
    let cases = [
        ("?nickname=%E5%B0%8F%E6%98%8E", "小明"),
        ("?nickname=a+b%2Bc", "a b+c"),
        ("?x=1&nickname=%20%20a%09%0A%20b%20", "a b"),
        ("?nickname=a%00b%E2%80%AEc", "abc"),
        ("?nickname=%3Cb%3Ex%3C%2Fb%3E", "<b>x</b>"),
        ("?nickname=%FFa", "\u{fffd}a"),
        ("?nickname=one&nickname=two", "one"),
        ("?nickname=&nickname=two", "two"),
    ];
    for (query, expected) in cases {
        assert_eq!(named(&server, query, &[]).await.0, expected, "{query}");
    }
    let long = format!("?nickname={}", "%E7%95%8C".repeat(40));
    assert_eq!(named(&server, &long, &[]).await.0, "界".repeat(32));
}

#[tokio::test]
async fn nickname_without_a_parameter_comes_from_the_cookie_or_is_random() {
    let server = TestServer::start().await;
    let cookie = ("Cookie", "a=b; nickname=%E5%B0%8F%E6%98%8E");
    assert_eq!(named(&server, "", &[cookie]).await.0, "小明");
    for blank in ["?nickname=", "?nickname=%20%E2%80%8B", "?nickname=%E2%80%AE"] {
        assert_eq!(named(&server, blank, &[cookie]).await.0, "小明", "{blank}");
    }
    assert_eq!(named(&server, "?nickname=b", &[cookie]).await.0, "b");

    let english = named(&server, "", &[("Accept-Language", "en-GB,en;q=0.9")]).await.0;
    assert!(english.is_ascii(), "{english}");
    let blank_cookie = [("Cookie", "nickname=%20"), ("Accept-Language", "zh-CN,en;q=0.5")];
    let chinese = named(&server, "", &blank_cookie).await.0;
    assert!(!chinese.is_ascii(), "{chinese}");
}

#[tokio::test]
async fn nickname_cookie_is_percent_encoded() {
    let server = TestServer::start().await;
    let (name, cookie) =
        named(&server, "?nickname=a%0D%0ASet-Cookie:%20x=y;%20Path=/%22%E5%B0%8F", &[]).await;
    assert_eq!(name, "a Set-Cookie: x=y; Path=/\"小");
    let (value, attributes) = cookie.strip_prefix("nickname=").unwrap().split_once("; ").unwrap();
    assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%'), "{value}");
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
    assert_eq!(decoded, name);
    assert_eq!(attributes, "Path=/; Max-Age=31536000; SameSite=Lax");

    // The cookie gives the same name when the client sends it again.
    let sent = format!("nickname={value}");
    assert_eq!(named(&server, "", &[("Cookie", &sent)]).await.0, name);
}

#[tokio::test]
async fn random_nickname_is_valid() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let (name, cookie) = named(&server, "", &[]).await;
        assert_eq!(Nickname::new(&name).unwrap().as_str(), name);
        assert!(cookie.starts_with("nickname=%"));
    }
}

#[tokio::test]
async fn invalid_upgrade_gets_426_or_400() {
    let server = TestServer::start().await;
    let plain = raw::get(server.address, ROOM, &[]).await;
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")));

    let version =
        [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "8")];
    let old = raw::get(server.address, ROOM, &version).await;
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, Some("13")));

    for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ"] {
        let headers = [&raw::UPGRADE[..3], &[("Sec-WebSocket-Key", key)]].concat();
        assert_eq!(raw::get(server.address, ROOM, &headers).await.status, 400, "{key:?}");
    }
    let (post, _) = raw::request(server.address, "POST", ROOM, &raw::UPGRADE).await;
    assert_eq!(post.status, 426);
}

#[tokio::test]
async fn accept_header_matches_the_key() {
    // RFC 6455 section 1.3.
    let server = TestServer::start().await;
    let (response, _) = raw::upgrade(server.address, &path("r", "n"), &[]).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}
