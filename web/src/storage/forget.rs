//! Removes everything that this site stores in the browser.

use super::entries::{Area, Entries};
use super::keys::Keys;
use super::{IS_FORGOTTEN, legacy, site_keys};
use crate::{browser, worker};

/// Removes everything that this site stores: preferences, nicknames, drafts, outboxes, read marks,
/// member tokens, the cookie and the service worker's cache. Later writes of this page have no
/// effect.
pub async fn everything() {
    IS_FORGOTTEN.set(true);
    let keys = site_keys();
    for area in [Area::local(), Area::session()] {
        remove_all(&area, &keys);
    }
    browser::forget_cookie("nickname");
    worker::remove().await;
}

/// Removes every key of the site, and the keys of older clients, which name no site.
fn remove_all(entries: &impl Entries, keys: &Keys) {
    for key in entries.keys() {
        if key.starts_with(keys.prefix()) || legacy::is_legacy(&key) {
            entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::Memory;
    use super::super::keys::Kind;
    use super::*;

    #[test]
    fn remove_all_removes_every_key_of_the_site_and_no_other() {
        let room = xmeet_shared::RoomId::new("tea").unwrap();
        let (entries, keys, other) = (Memory::default(), Keys::of("/a"), Keys::of("/b"));
        let ours = [
            keys.site_wide("theme"),
            keys.of_room(Kind::Read, &room),
            keys.of_tab(Kind::Outbox, &room, "tab"),
            "xmeet.draft:tea".to_owned(),
        ];
        let theirs = [other.site_wide("theme"), "another program".to_owned()];
        for key in ours.iter().chain(&theirs) {
            assert!(entries.set(key, "value"));
        }
        remove_all(&entries, &keys);
        let mut left = entries.keys();
        left.sort();
        let mut expected = theirs.to_vec();
        expected.sort();
        assert_eq!(left, expected);
    }
}
