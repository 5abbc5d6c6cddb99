//! The pages of the client and their addresses. Navigation uses ordinary links.

use xmeet_shared::{ROOM_PAGE_PREFIX, RoomId, RoomIdError, WEBSOCKET_PATH_PREFIX};

use crate::encoding::{decode_segment, encode};
use crate::links::may_end_address;

/// A page of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// `/`
    Landing,
    /// `/room/{id}`
    Room(RoomId),
    /// `/room/{id}` with an invalid id, and the reason.
    BadRoom(BadRoom),
    /// Any other address.
    Unknown,
}

/// The reason why an address leads to no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRoom {
    /// The id breaks a rule.
    Id(RoomIdError),
    /// The decoded id is not UTF-8.
    NotText,
    /// The room is on another server.
    Elsewhere,
}

impl Page {
    /// Returns the page at the percent-encoded `path` of a site whose path prefix is `site`.
    #[must_use]
    pub fn at(site: &str, path: &str) -> Self {
        let path = path.strip_prefix(site).unwrap_or(path);
        if matches!(path, "" | "/" | "/index.html") {
            return Self::Landing;
        }
        let Some(segment) = path.strip_prefix(ROOM_PAGE_PREFIX) else {
            return Self::Unknown;
        };
        if segment.contains('/') {
            return Self::Unknown;
        }
        let Some(id) = decode_segment(segment) else {
            return Self::BadRoom(BadRoom::NotText);
        };
        match RoomId::new(&id) {
            Ok(room) => Self::Room(room),
            Err(error) => Self::BadRoom(BadRoom::Id(error)),
        }
    }
}

/// Returns the path of a room's page. `site` is the path prefix of the site. The path ends with a
/// character that links can end with, so that a link in a message leads to the same room.
#[must_use]
pub fn room_path(site: &str, room: &RoomId) -> String {
    let mut segment = encode(room.as_str());
    // The last character of the encoded id is ASCII, such as the dot of `v1.`.
    if let Some(last) = segment.pop() {
        if may_end_address(last) {
            segment.push(last);
        } else {
            segment.push_str(&escaped(last));
        }
    }
    format!("{site}{ROOM_PAGE_PREFIX}{segment}")
}

/// Percent-encodes a character, even if it is unreserved.
fn escaped(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Returns the address of a room's WebSocket. `site` is the page's host with the site's path prefix.
/// `session` is the token with which the member can be resumed.
#[must_use]
pub fn socket_url(
    secure: bool,
    site: &str,
    room: &RoomId,
    nickname: Option<&str>,
    session: &str,
) -> String {
    let scheme = if secure { "wss" } else { "ws" };
    let id = encode(room.as_str());
    let mut url = format!("{scheme}://{site}{WEBSOCKET_PATH_PREFIX}{id}?session={session}");
    if let Some(nickname) = nickname {
        url.push_str("&nickname=");
        url.push_str(&encode(nickname));
    }
    url
}

/// Parses an input as a room: a room id, or the address of a room's page at `host` with the site's path
/// prefix `site`.
///
/// # Errors
/// The id is invalid, or the address is that of a room on another server.
pub fn room_from_input(host: &str, site: &str, text: &str) -> Result<RoomId, BadRoom> {
    let text = text.trim();
    if let Some((their_host, path)) = web_address(text) {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let is_here =
            their_host.eq_ignore_ascii_case(host) && path.starts_with(&format!("{site}/"));
        match Page::at(site, path) {
            _ if !is_here && path.contains(ROOM_PAGE_PREFIX) => return Err(BadRoom::Elsewhere),
            Page::Room(room) => return Ok(room),
            Page::BadRoom(why) => return Err(why),
            // Any other address is a valid room id: a room about that page.
            Page::Landing | Page::Unknown => {}
        }
    }
    RoomId::new(text).map_err(BadRoom::Id)
}

/// Returns the host and the path of a web address, without the scheme's default port.
fn web_address(text: &str) -> Option<(&str, &str)> {
    let (address, port) = match text.strip_prefix("https://") {
        Some(address) => (address, ":443"),
        None => (text.strip_prefix("http://")?, ":80"),
    };
    let (host, path) = address.split_at(address.find('/')?);
    Some((host.strip_suffix(port).unwrap_or(host), path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(id: &str) -> RoomId {
        RoomId::new(id).unwrap()
    }

    #[test]
    fn any_id_round_trips_through_its_path() {
        for id in
            ["123", "a/b", "聊天室", "a b", "100%", "a?b#c", "%2F", "+", "...", "v1.", "a_", "~"]
        {
            for site in ["", "/chat", "/room"] {
                let path = room_path(site, &room(id));
                assert_eq!(Page::at(site, &path), Page::Room(room(id)), "{path}");
            }
        }
        assert_eq!(room_path("/chat", &room("a/b")), "/chat/room/a%2Fb");
        assert_eq!(room_path("", &room("v1..")), "/room/v1.%2E");
    }

    #[test]
    fn other_paths_are_no_rooms() {
        assert_eq!(Page::at("", "/"), Page::Landing);
        assert_eq!(Page::at("", "/about"), Page::Unknown);
        assert_eq!(Page::at("", "/room/a/b"), Page::Unknown);
        assert_eq!(Page::at("", "/room/"), Page::BadRoom(BadRoom::Id(RoomIdError::Empty)));
        assert_eq!(Page::at("", "/room/%FF"), Page::BadRoom(BadRoom::NotText));
        assert_eq!(
            Page::at("", "/room/%00"),
            Page::BadRoom(BadRoom::Id(RoomIdError::ControlCharacter))
        );
    }

    #[test]
    fn socket_address_uses_the_host_of_the_page() {
        assert_eq!(
            socket_url(false, "127.0.0.1:8080", &room("a/b"), Some("小 明"), "s"),
            "ws://127.0.0.1:8080/xgate/websocket/a%2Fb?session=s&nickname=%E5%B0%8F%20%E6%98%8E"
        );
        assert_eq!(
            socket_url(true, "x.org/chat", &room("1"), None, "s"),
            "wss://x.org/chat/xgate/websocket/1?session=s"
        );
    }

    #[test]
    fn pasted_address_of_a_room_is_that_room() {
        let read = |text| room_from_input("x.org", "", text);
        assert_eq!(read(" tea "), Ok(room("tea")));
        assert_eq!(read("https://x.org/room/a%2Fb?nickname=z"), Ok(room("a/b")));
        assert_eq!(read("http://X.org:80/room/a"), Ok(room("a")));
        assert_eq!(read("https://x.org/other"), Ok(room("https://x.org/other")));
        assert_eq!(read("  "), Err(BadRoom::Id(RoomIdError::Empty)));
        assert_eq!(room_from_input("x.org", "/chat", "https://x.org/chat/room/a"), Ok(room("a")));
    }

    #[test]
    fn pasted_address_of_another_server_is_refused() {
        for address in [
            "https://y.org/room/a",
            "https://y.org/chat/room/a",
            "https://x.org:8443/chat/room/a",
            "https://x.org/room/a",
            "https://x.org/b/room/a",
            "http://x.org.evil/chat/room/a",
        ] {
            let read = room_from_input("x.org", "/chat", address);
            assert_eq!(read, Err(BadRoom::Elsewhere), "{address}");
        }
        let page = "https://y.org/a-page";
        assert_eq!(
            room_from_input("x.org", "/chat", page),
            Ok(room(page)),
            "a room about that page"
        );
    }

    proptest! {
        #[test]
        fn any_path_is_some_page(path in any::<String>()) {
            let _ = Page::at("/chat", &path);
            let _ = room_from_input("x.org", "/chat", &path);
        }
    }
}
