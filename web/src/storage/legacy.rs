//! Migrates the entries of older clients, whose keys name no site.

use xmeet_shared::{Pid, RoomId};

use super::entries::Entries;
use super::keys::{Keys, Kind};
use super::tabs::{Member, TabRoom};
use crate::encoding::decode_segment;
use crate::room::outbox::SavedEntry;

/// The prefix of every older key.
const PREFIX: &str = "xmeet.";

/// The preferences, whose names stay the same.
const PREFERENCES: [&str; 7] =
    ["language", "theme", "nickname", "rooms", "lines-hidden", "notify", "sound"];

/// Returns whether an older client wrote this key.
#[must_use]
pub fn is_legacy(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// Migrates the preferences and, if the site is at the root of its origin, the read marks. The older
/// read marks of an origin may not belong to a site below a path.
pub fn migrate_shared(local: &impl Entries, keys: &Keys, is_at_root: bool) {
    for name in PREFERENCES {
        let old = format!("{PREFIX}{name}");
        let Some(value) = local.get(&old) else { continue };
        let new = keys.site_wide(name);
        if local.get(&new).is_some() || local.set(&new, &value) {
            // The first site of the origin takes the preferences.
            local.remove(&old);
        }
    }
    for key in local.keys() {
        if let Some(room) = key.strip_prefix("xmeet.read:").filter(|_| is_at_root)
            && let (Ok(room), Some(value)) = (RoomId::new(room), local.get(&key))
            && local.set(&keys.of_room(Kind::Read, &room), &value)
        {
            local.remove(&key);
        }
    }
}

/// Migrates a tab's draft, outbox and member of a room. The site must be at the root of its origin.
pub fn migrate_tab<E: Entries>(session: &impl Entries, to: &TabRoom<'_, E>) {
    let room = to.room.as_str();
    let take = |entries: &dyn Entries, name: String| {
        let key = format!("{PREFIX}{name}");
        let value = entries.get(&key);
        entries.remove(&key);
        value
    };
    let own_draft = take(session, format!("draft:{room}"));
    let latest = take(to.entries, format!("draft:{room}"));
    if let Some(draft) = own_draft.or(latest).filter(|_| to.draft().is_empty()) {
        let _ = to.set_draft(&draft);
    }
    let outbox = take(session, format!("outbox:{room}")).unwrap_or_default();
    let saved: Vec<_> = outbox.lines().filter_map(SavedEntry::from_line).collect();
    if !saved.is_empty() {
        let _ = to.set_outbox(&[saved, to.outbox()].concat());
    }
    let token = take(session, "session".to_owned());
    let pids = take(session, format!("pids:{room}")).unwrap_or_default();
    if let Some(token) = token.filter(|_| to.member().token.is_empty()) {
        let read = |line: &str| Some(Pid::from_wire(&decode_segment(line)?));
        to.set_member(&Member { token, pids: pids.lines().filter_map(read).collect() });
    }
    session.remove("xmeet.open");
}

#[cfg(test)]
mod tests {
    use super::super::entries::Memory;
    use super::*;

    #[test]
    fn entries_of_an_older_client_are_migrated_once() {
        let (local, session, keys) = (Memory::default(), Memory::default(), Keys::of(""));
        let room = RoomId::new("tea").unwrap();
        for (key, value) in
            [("theme", "dark"), ("rooms", "tea"), ("read:tea", "7 e"), ("draft:tea", "old")]
        {
            assert!(local.set(&format!("xmeet.{key}"), value));
        }
        for (key, value) in [
            ("draft:tea", "half"),
            ("outbox:tea", "5 hello%20there"),
            ("session", "secret"),
            ("pids:tea", "%3C0.2.1%3E"),
            ("open", "1"),
        ] {
            assert!(session.set(&format!("xmeet.{key}"), value));
        }
        migrate_shared(&local, &keys, true);
        let tab = TabRoom { entries: &local, keys: &keys, room: &room, tab: "t" };
        migrate_tab(&session, &tab);
        migrate_tab(&session, &tab);
        assert_eq!(local.get("xmeet:/:theme").as_deref(), Some("dark"));
        assert_eq!(local.get("xmeet:/:read:tea").as_deref(), Some("7 e"));
        assert_eq!(tab.draft(), "half");
        assert_eq!(tab.outbox().len(), 1);
        let pids = vec![Pid::from_wire("<0.2.1>")];
        assert_eq!(tab.member(), Member { token: "secret".to_owned(), pids });
        let left: Vec<_> =
            local.keys().into_iter().chain(session.keys()).filter(|key| is_legacy(key)).collect();
        assert_eq!(left, Vec::<String>::new());
    }

    #[test]
    fn site_below_a_path_takes_preferences_and_no_read_marks() {
        let (local, keys) = (Memory::default(), Keys::of("/chat"));
        assert!(local.set("xmeet.theme", "dark") && local.set("xmeet.read:tea", "7 e"));
        migrate_shared(&local, &keys, false);
        assert_eq!(local.get("xmeet:/chat/:theme").as_deref(), Some("dark"));
        assert_eq!(local.get("xmeet.read:tea").as_deref(), Some("7 e"));
    }
}
