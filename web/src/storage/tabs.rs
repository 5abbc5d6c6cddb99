//! What one tab keeps of a room: what is half typed, what is not sent, and who it was. A tab that
//! is gone leaves it behind, for the next page of that room to take.

use xmeet_shared::{Pid, RoomId};

use super::entries::Entries;
use super::keys::{Keys, Kind};
use super::rooms;
use crate::encoding::{decode_segment, encode};
use crate::room::OWN_PIDS_MAX;
use crate::room::outbox::SavedEntry;

/// The most that one outbox takes, in bytes. What is beyond is lost with the page.
pub const OUTBOX_BYTES_MAX: usize = 512 * 1024;

/// The most that one draft takes, in bytes.
pub const DRAFT_BYTES_MAX: usize = 256 * 1024;

/// Who a tab was in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The secret by which the server knows the member again; empty before the first visit.
    pub token: String,
    /// The ids that it had, oldest first.
    pub pids: Vec<Pid>,
}

/// One tab's part of a room's storage.
#[derive(Debug)]
pub struct TabRoom<'a, E> {
    /// Where it is kept.
    pub entries: &'a E,
    /// The site's keys.
    pub keys: &'a Keys,
    /// The room.
    pub room: &'a RoomId,
    /// The tab.
    pub tab: &'a str,
}

impl<'a, E: Entries> TabRoom<'a, E> {
    /// Returns another tab's part.
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

    /// Writes a value, or removes it where that is empty. When the storage is full, rooms used less
    /// recently go, but none with unsent texts. Returns false when it could not be written: then nothing is kept, for what was
    /// there before is out of date.
    #[must_use]
    fn write(&self, kind: Kind, value: &str) -> bool {
        let key = self.key(kind);
        if value.is_empty() {
            self.entries.remove(&key);
            return true;
        }
        if kind == Kind::Outbox
            && !rooms::has_place_for_unsent(self.entries, self.keys, &key, value.len())
        {
            self.entries.remove(&key);
            return false;
        }
        while !self.entries.set(&key, value) {
            if !rooms::make_place(self.entries, self.keys, self.room) {
                self.entries.remove(&key);
                // Without the older value there may be place.
                return self.entries.set(&key, value);
            }
        }
        true
    }

    /// Returns what is half typed.
    #[must_use]
    pub fn draft(&self) -> String {
        self.entries.get(&self.key(Kind::Draft)).unwrap_or_default()
    }

    /// Keeps what is half typed. Returns false when the browser does not keep it.
    #[must_use]
    pub fn set_draft(&self, text: &str) -> bool {
        let fits = text.len() <= DRAFT_BYTES_MAX;
        self.write(Kind::Draft, if fits { text } else { "" }) && fits
    }

    /// Returns what is not known to have been kept by the server, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<SavedEntry> {
        let text = self.entries.get(&self.key(Kind::Outbox)).unwrap_or_default();
        text.lines().filter_map(SavedEntry::from_line).collect()
    }

    /// Keeps what is not known to have been kept by the server. Returns false when the browser does
    /// not keep all of it.
    #[must_use]
    pub fn set_outbox(&self, entries: &[SavedEntry]) -> bool {
        let (lines, is_whole) = lines_of(entries);
        self.write(Kind::Outbox, &lines) && is_whole
    }

    /// Returns who the tab was in the room.
    #[must_use]
    pub fn member(&self) -> Member {
        let text = self.entries.get(&self.key(Kind::Member)).unwrap_or_default();
        let mut lines = text.lines();
        let token = lines.next().unwrap_or_default().to_owned();
        let read = |line: &str| Some(Pid::from_wire(&decode_segment(line)?));
        let pids = lines.filter_map(read).take(OWN_PIDS_MAX).collect();
        Member { token, pids }
    }

    /// Remembers who the tab is in the room. Without it messages from before a reload look like
    /// another's, and the others see a leave and a join.
    pub fn set_member(&self, member: &Member) {
        let _ = self.write(Kind::Member, &member_lines(member));
    }

    /// Takes over what another tab, which is gone, has left behind. Its texts go before ours, in
    /// doubt where `is_unconfirmed`: then the other may come back and send them itself. What does not
    /// fit stays where it was, for a later visit.
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

    /// Moves what `other` keeps, which `value` has in it. Nothing changes when that cannot be
    /// written.
    fn take(&self, other: &TabRoom<'_, E>, kind: Kind, value: &str) {
        if value.is_empty() || self.entries.set(&self.key(kind), value) {
            self.entries.remove(&other.key(kind));
        }
    }
}

/// Returns entries as lines, as many as fit, and whether all did.
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

/// Returns the tabs that keep something of `room`, those with something unsent first.
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
