//! One tab's entries of a room: draft, outbox and member. The next page of the room takes over the
//! entries of closed tabs.

use xmeet_shared::{Pid, RoomId};

use super::entries::Entries;
use super::keys::{Keys, Kind};
use super::rooms;
use crate::encoding::{decode_segment, encode};
use crate::room::OWN_PIDS_MAX;
use crate::room::outbox::SavedEntry;

/// The most bytes of a stored outbox. Further texts are lost with the page.
pub const OUTBOX_BYTES_MAX: usize = 512 * 1024;

/// The most bytes of a stored draft.
pub const DRAFT_BYTES_MAX: usize = 256 * 1024;

/// The member that a tab was in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The token with which the tab resumes the member; empty before the first visit.
    pub token: String,
    /// The pids that the tab has had, oldest first.
    pub pids: Vec<Pid>,
}

/// One tab's entries of a room.
#[derive(Debug)]
pub struct TabRoom<'a, E> {
    /// The storage.
    pub entries: &'a E,
    /// The keys of the site.
    pub keys: &'a Keys,
    /// The room.
    pub room: &'a RoomId,
    /// The tab.
    pub tab: &'a str,
}

impl<'a, E: Entries> TabRoom<'a, E> {
    /// Returns the entries of another tab in the same room.
    #[must_use]
    pub fn of<'b>(&self, tab: &'b str) -> TabRoom<'b, E>
    where
        'a: 'b,
    {
        TabRoom { entries: self.entries, keys: self.keys, room: self.room, tab }
    }

    fn key(&self, kind: Kind) -> String {
        self.keys.of_tab(kind, self.room, self.tab)
    }

    /// Writes a value, or removes the entry if the value is empty. If the storage is full, evicts other
    /// rooms. Returns false if that is not enough. Then the entry is removed, because its old value is
    /// out of date.
    #[must_use]
    fn write(&self, kind: Kind, value: &str) -> bool {
        let key = self.key(kind);
        if value.is_empty() {
            self.entries.remove(&key);
            return true;
        }
        if kind == Kind::Outbox
            && !rooms::fits_unsent_limit(self.entries, self.keys, &key, value.len())
        {
            self.entries.remove(&key);
            return false;
        }
        while !self.entries.set(&key, value) {
            if !rooms::evict_one(self.entries, self.keys, self.room) {
                self.entries.remove(&key);
                // Removing the old value may have freed enough storage.
                return self.entries.set(&key, value);
            }
        }
        true
    }

    /// Returns the draft.
    #[must_use]
    pub fn draft(&self) -> String {
        self.entries.get(&self.key(Kind::Draft)).unwrap_or_default()
    }

    /// Stores the draft. Returns false if it was not stored.
    #[must_use]
    pub fn set_draft(&self, text: &str) -> bool {
        let fits = text.len() <= DRAFT_BYTES_MAX;
        self.write(Kind::Draft, if fits { text } else { "" }) && fits
    }

    /// Returns the outbox, oldest entry first.
    #[must_use]
    pub fn outbox(&self) -> Vec<SavedEntry> {
        let text = self.entries.get(&self.key(Kind::Outbox)).unwrap_or_default();
        text.lines().filter_map(SavedEntry::from_line).collect()
    }

    /// Stores the outbox. Returns false if not all of it was stored.
    #[must_use]
    pub fn set_outbox(&self, entries: &[SavedEntry]) -> bool {
        let (lines, is_whole) = lines_of(entries);
        self.write(Kind::Outbox, &lines) && is_whole
    }

    /// Returns the member.
    #[must_use]
    pub fn member(&self) -> Member {
        let text = self.entries.get(&self.key(Kind::Member)).unwrap_or_default();
        let mut lines = text.lines();
        let token = lines.next().unwrap_or_default().to_owned();
        let read = |line: &str| Some(Pid::from_wire(&decode_segment(line)?));
        let pids = lines.filter_map(read).take(OWN_PIDS_MAX).collect();
        Member { token, pids }
    }

    /// Stores the member. If that fails, a reload makes this tab a new member, and its own older
    /// messages look like those of another member.
    pub fn set_member(&self, member: &Member) {
        let _ = self.write(Kind::Member, &member_lines(member));
    }

    /// Takes over the entries of a closed tab. Its texts precede the own ones. They are unconfirmed if
    /// `is_unconfirmed`, because the other tab may still be open and send them. Entries that do not fit
    /// stay for a later visit.
    pub fn absorb(&self, tab: &str, is_unconfirmed: bool) {
        let other = self.of(tab);
        let mut outbox = other.outbox();
        if is_unconfirmed {
            outbox.iter_mut().for_each(SavedEntry::mark_unconfirmed);
        }
        outbox.extend(self.outbox());
        let (lines, is_whole) = lines_of(&outbox);
        if is_whole {
            self.take(&other, Kind::Outbox, &lines);
        }
        let drafts = [other.draft(), self.draft()].into_iter().filter(|text| !text.is_empty());
        let draft = drafts.collect::<Vec<_>>().join("\n");
        if draft.len() <= DRAFT_BYTES_MAX {
            self.take(&other, Kind::Draft, &draft);
        }
        let own = self.member();
        let mut pids = [other.member().pids, own.pids].concat();
        let pids = pids.split_off(pids.len().saturating_sub(OWN_PIDS_MAX));
        self.take(&other, Kind::Member, &member_lines(&Member { pids, ..own }));
    }

    /// Writes `value`, which includes the entry of `other`, and removes that entry. Has no effect if
    /// `value` cannot be written.
    fn take(&self, other: &TabRoom<'_, E>, kind: Kind, value: &str) {
        if value.is_empty() || self.entries.set(&self.key(kind), value) {
            self.entries.remove(&other.key(kind));
        }
    }
}

/// Returns as many entries as fit, as lines, and whether all entries fit.
fn lines_of(entries: &[SavedEntry]) -> (String, bool) {
    let mut lines = String::new();
    for entry in entries {
        let line = entry.to_line();
        if lines.len() + line.len() >= OUTBOX_BYTES_MAX {
            return (lines, false);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    (lines, true)
}

fn member_lines(member: &Member) -> String {
    let pids = member.pids.iter().map(|pid| encode(pid.as_str()));
    std::iter::once(member.token.clone()).chain(pids).collect::<Vec<_>>().join("\n")
}

/// Returns the tabs with entries of `room`, those with unsent texts first.
#[must_use]
pub fn tabs_of(entries: &impl Entries, keys: &Keys, room: &RoomId) -> Vec<String> {
    let mut tabs: Vec<(bool, String)> = Vec::new();
    for key in entries.keys().iter().filter_map(|key| keys.read(key)) {
        if key.room != *room || key.tab.is_empty() {
            continue;
        }
        let is_unsent = key.kind == Kind::Outbox;
        match tabs.iter_mut().find(|(_, tab)| *tab == key.tab) {
            Some((has_unsent, _)) => *has_unsent |= is_unsent,
            None => tabs.push((is_unsent, key.tab)),
        }
    }
    tabs.sort_by_key(|(has_unsent, _)| !has_unsent);
    tabs.into_iter().map(|(_, tab)| tab).collect()
}

#[cfg(test)]
#[path = "tabs_tests.rs"]
mod tests;
