//! Which page an address asks for, and the address of each page. Navigation is ordinary links.

use xmeet_shared::{ROOM_PAGE_PREFIX, RoomId, RoomIdError, WEBSOCKET_PATH_PREFIX};

use crate::encoding::{decode_segment, encode};

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

/// The address of a room's page on its host. `site` is where the site begins there.
#[must_use]
pub fn room_path(site: &str, room: &RoomId) -> String {
    format!("{site}{ROOM_PAGE_PREFIX}{}", encode(room.as_str()))
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

/// What a person typed or pasted as a room: an id, or the whole address of a room's page, where the
/// site begins at `site`.
///
/// # Errors
/// [`BadRoom`] says why it is neither.
pub fn room_from_input(site: &str, text: &str) -> Result<RoomId, BadRoom> {
    let text = text.trim();
    let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if let Some((_, path)) = address.and_then(|address| address.split_once('/')) {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        match Page::at(site, &format!("/{path}")) {
            Page::Room(room) => return Ok(room),
            Page::BadRoom(why) => return Err(why),
            // Some other address is an ordinary id: a room for any page.
            Page::Landing | Page::Unknown => {}
        }
    }
    RoomId::new(text).map_err(BadRoom::Id)
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
        for id in ["123", "a/b", "聊天室", "a b", "100%", "a?b#c", "%2F", "+", "..."] {
            for site in ["", "/chat", "/room"] {
                let path = room_path(site, &room(id));
                assert_eq!(Page::at(site, &path), Page::Room(room(id)), "{path}");
            }
        }
        assert_eq!(room_path("/chat", &room("a/b")), "/chat/room/a%2Fb");
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
        assert_eq!(room_from_input("", " tea "), Ok(room("tea")));
        assert_eq!(room_from_input("", "https://x.org/room/a%2Fb?nickname=z"), Ok(room("a/b")));
        assert_eq!(room_from_input("", "https://x.org/other"), Ok(room("https://x.org/other")));
        for address in ["https://x.org/chat/room/a", "https://y.org/room/a"] {
            assert_eq!(room_from_input("/chat", address), Ok(room("a")), "{address}");
        }
        assert_eq!(room_from_input("", "  "), Err(BadRoom::Id(RoomIdError::Empty)));
    }

    proptest! {
        #[test]
        fn any_path_is_some_page(path in any::<String>()) {
            let _ = Page::at("/chat", &path);
            let _ = room_from_input("/chat", &path);
        }
    }
}
