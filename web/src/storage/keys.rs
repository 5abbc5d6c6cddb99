//! The storage keys: by site, because sites can share an origin, then by room and by tab.

use xmeet_shared::RoomId;

use crate::encoding::{decode_segment, encode};

/// The kind of a room's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The read mark.
    Read,
    /// The draft of a tab.
    Draft,
    /// The outbox of a tab.
    Outbox,
    /// The member token and pids of a tab.
    Member,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Read, Self::Draft, Self::Outbox, Self::Member];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Draft => "draft",
            Self::Outbox => "outbox",
            Self::Member => "member",
        }
    }
}

/// The parts of a room's key.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// The kind.
    pub kind: Kind,
    /// The room.
    pub room: RoomId,
    /// The tab; empty if all tabs share the entry.
    pub tab: String,
}

/// The keys of one site.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Returns the keys of the site at the path `site`, which is empty at the root of the origin.
    #[must_use]
    pub fn of(site: &str) -> Self {
        // Escaping the path's colons ensures that no site's prefix starts with another's.
        Self { prefix: format!("xmeet:{}/:", site.replace(':', "%3A")) }
    }

    /// Returns the prefix of every key of this site.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the key of an entry that belongs to no room.
    #[must_use]
    pub fn site_wide(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns the key of a room's entry that all tabs share.
    #[must_use]
    pub fn of_room(&self, kind: Kind, room: &RoomId) -> String {
        format!("{}{}:{}", self.prefix, kind.name(), encode(room.as_str()))
    }

    /// Returns the key of a room's entry that belongs to one tab.
    #[must_use]
    pub fn of_tab(&self, kind: Kind, room: &RoomId, tab: &str) -> String {
        format!("{}:{tab}", self.of_room(kind, room))
    }

    /// Parses a room's key of this site. Returns `None` for any other key.
    #[must_use]
    pub fn read(&self, key: &str) -> Option<RoomKey> {
        let mut parts = key.strip_prefix(&self.prefix)?.splitn(3, ':');
        let name = parts.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        let room = RoomId::new(&decode_segment(parts.next()?)?).ok()?;
        Some(RoomKey { kind, room, tab: parts.next().unwrap_or_default().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(id: &str) -> RoomId {
        RoomId::new(id).unwrap()
    }

    #[test]
    fn room_key_of_any_site_parses_to_its_room_and_tab() {
        for site in ["", "/chat", "/a:b", "/a/:read"] {
            let keys = Keys::of(site);
            for id in ["tea", "a:b", "聊天室", "draft", "%3A"] {
                let key = keys.of_tab(Kind::Outbox, &room(id), "t1");
                let read = RoomKey { kind: Kind::Outbox, room: room(id), tab: "t1".to_owned() };
                assert_eq!(keys.read(&key), Some(read), "{key}");
                let shared = keys.read(&keys.of_room(Kind::Read, &room(id))).unwrap();
                assert_eq!((shared.room, shared.tab), (room(id), String::new()));
            }
            assert_eq!(keys.read(&keys.site_wide("theme")), None);
        }
    }

    #[test]
    fn sites_on_one_origin_share_no_key() {
        let sites = ["", "/a", "/b", "/a/b", "/a/:read", "/a:read:tea"];
        for one in sites {
            for other in sites.into_iter().filter(|other| *other != one) {
                let key = Keys::of(one).of_room(Kind::Read, &room("tea"));
                assert!(!key.starts_with(Keys::of(other).prefix()), "{one} and {other}");
                assert_eq!(Keys::of(other).read(&key), None, "{one} and {other}");
            }
        }
    }
}
