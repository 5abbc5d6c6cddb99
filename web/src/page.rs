//! Which page an address asks for, and the address of each page. Navigation is ordinary links.

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
    /// `/room/{id}` with an id that cannot be one, and why.
    BadRoom(BadRoom),
    /// Anything else.
    Unknown,
}

/// Why an address names no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRoom {
    /// It breaks a rule for ids.
    Id(RoomIdError),
    /// It is not UTF-8 once decoded.
    NotText,
    /// It is the address of a room on another server.
    Elsewhere,
}

impl Page {
    /// The page at `path`, as `location.pathname` has it, still percent-encoded, where the site
    /// begins at `site`.
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

/// The address of a room's page on its host. `site` is where the site begins there. It ends with a
/// character that a link may end with, so that a link in a message leads to the same room.
#[must_use]
pub fn room_path(site: &str, room: &RoomId) -> String {
    let mut segment = encode(room.as_str());
    // Only unreserved ASCII is left as it stands, such as the dot of `v1.`.
    if let Some(last) = segment.pop() {
        if may_end_address(last) {
            segment.push(last);
        } else {
            segment.push_str(&escaped(last));
        }
    }
    format!("{site}{ROOM_PAGE_PREFIX}{segment}")
}

/// Percent-encodes a character even where an address could have it as it stands.
fn escaped(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The address of a room's WebSocket at `site`, the host which the page itself came from and where
/// the site begins there. `session` is the secret by which the member can be resumed.
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

/// Reads what a person typed or pasted as a room: an id, or the whole address of a room's page at
/// `host`, where the site begins at `site`.
///
/// # Errors
/// [`BadRoom`] says why it is neither; the address of a room on another server is not one of ours.
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
            // Some other address is an ordinary id: a room for any page.
            Page::Landing | Page::Unknown => {}
        }
    }
    RoomId::new(text).map_err(BadRoom::Id)
}

/// The host and the path of a web address. A port that goes without saying is left out, as browsers
/// do.
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
    fn every_id_round_trips_through_its_address() {
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
    fn addresses_that_are_no_room() {
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
    fn the_socket_is_where_the_page_came_from() {
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
    fn a_pasted_address_is_its_room() {
        let read = |text| room_from_input("x.org", "", text);
        assert_eq!(read(" tea "), Ok(room("tea")));
        assert_eq!(read("https://x.org/room/a%2Fb?nickname=z"), Ok(room("a/b")));
        assert_eq!(read("http://X.org:80/room/a"), Ok(room("a")));
        assert_eq!(read("https://x.org/other"), Ok(room("https://x.org/other")));
        assert_eq!(read("  "), Err(BadRoom::Id(RoomIdError::Empty)));
        assert_eq!(room_from_input("x.org", "/chat", "https://x.org/chat/room/a"), Ok(room("a")));
    }

    #[test]
    fn an_address_of_another_server_is_no_room_of_ours() {
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
        assert_eq!(room_from_input("x.org", "/chat", page), Ok(room(page)), "a room for any page");
    }

    proptest! {
        #[test]
        fn any_path_is_some_page(path in any::<String>()) {
            let _ = Page::at("/chat", &path);
            let _ = room_from_input("x.org", "/chat", &path);
        }
    }
}
