//! An index of the members' names: which names several members share, and which names look like
//! another one. No look-up walks the member list. Each change records the names whose style (colour
//! and marks) it may change.
//!
//! Names that look alike have the same skeleton, see [`crate::lookalike`]. Among these names, the
//! original is the one whose oldest member joined first. The others are lookalikes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::lookalike::skeleton;

/// The most lookalike names of former members that are remembered.
pub const FORMER_LOOKALIKES_MAX: usize = 64;

/// The number of groups of a [`NameSet`].
pub const NAME_GROUPS: usize = 64;

/// A set of names that stores only the group of each name. So it also contains all other names of
/// these groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameSet(u64);

impl NameSet {
    /// Returns the group of a name, below [`NAME_GROUPS`].
    #[must_use]
    pub fn group_of(name: &str) -> usize {
        // The hash function FNV-1a with 32 bits.
        const FNV_OFFSET_BASIS: u32 = 0x811C_9DC5;
        const FNV_PRIME: u32 = 0x0100_0193;
        let mut hash = FNV_OFFSET_BASIS;
        for byte in name.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        }
        // Mixes the high bits of the hash into the low bits, which select the group.
        let mixed = hash ^ (hash >> 15);
        mixed as usize % NAME_GROUPS
    }

    /// Returns whether the set may contain the name.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.has_group(Self::group_of(name))
    }

    /// Returns the groups with a name in the set.
    pub fn groups(self) -> impl Iterator<Item = usize> {
        (0..NAME_GROUPS).filter(move |group| self.has_group(*group))
    }

    fn has_group(self, group: usize) -> bool {
        (self.0 >> group) & 1 == 1
    }

    /// Returns the number of groups with a name in the set.
    #[must_use]
    pub fn group_count(self) -> usize {
        self.0.count_ones() as usize
    }

    fn insert(&mut self, name: &str) {
        self.0 |= 1 << Self::group_of(name);
    }
}

/// The members who have one name.
#[derive(Debug)]
struct Holders {
    /// The join numbers of these members, oldest first. A join number counts the joins of the room.
    joins: Vec<u64>,
    /// The skeleton of the name.
    skeleton: Arc<str>,
}

/// A lookalike name that no member has any more.
#[derive(Debug)]
struct FormerLookalike {
    name: Arc<str>,
    original: Arc<str>,
    skeleton: Arc<str>,
}

/// The names of all members.
#[derive(Debug, Default)]
pub(super) struct Names {
    holders: HashMap<Arc<str>, Holders>,
    /// By skeleton: the names with that skeleton, by the oldest join of each name. The first of
    /// them is the original.
    names_by_skeleton: HashMap<Arc<str>, BTreeMap<u64, Arc<str>>>,
    /// Lookalike names of former members, oldest first. They are remembered while a member has the
    /// original, so that the messages of former members keep the mark.
    former_lookalikes: VecDeque<FormerLookalike>,
    changed: NameSet,
}

impl Names {
    /// Records that the member with this join number has `name`.
    pub(super) fn add(&mut self, name: &Arc<str>, join: u64) {
        self.changed.insert(name);
        let no_holders = || Holders { joins: Vec::new(), skeleton: skeleton(name).into() };
        let holders = self.holders.entry(name.clone()).or_insert_with(no_holders);
        let oldest_before = holders.joins.first().copied();
        let index = holders.joins.partition_point(|other| *other < join);
        holders.joins.insert(index, join);
        if index == 0 {
            let skeleton = holders.skeleton.clone();
            self.update_oldest_join(&skeleton, name, oldest_before, Some(join));
        }
    }

    /// Records that the member with this join number no longer has `name`.
    pub(super) fn remove(&mut self, name: &Arc<str>, join: u64) {
        let Some(holders) = self.holders.get_mut(name) else { return };
        let Ok(index) = holders.joins.binary_search(&join) else { return };
        self.changed.insert(name);
        holders.joins.remove(index);
        let oldest_after = holders.joins.first().copied();
        let skeleton = holders.skeleton.clone();
        if oldest_after.is_none() {
            self.remember_if_lookalike(name, &skeleton);
            self.holders.remove(name);
        }
        if index == 0 {
            self.update_oldest_join(&skeleton, name, Some(join), oldest_after);
        }
    }

    /// Remembers a name whose last member leaves, if it is a lookalike.
    fn remember_if_lookalike(&mut self, name: &Arc<str>, skeleton: &Arc<str>) {
        let Some(original) = self.original(skeleton).cloned() else { return };
        if original == *name {
            return;
        }
        self.former_lookalikes.retain(|known| known.name != *name);
        let (name, skeleton) = (name.clone(), skeleton.clone());
        self.former_lookalikes.push_back(FormerLookalike { name, original, skeleton });
        if self.former_lookalikes.len() > FORMER_LOOKALIKES_MAX
            && let Some(oldest) = self.former_lookalikes.pop_front()
        {
            self.changed.insert(&oldest.name);
        }
    }

    /// Updates the oldest join of a name from `before` to `after`, and all marks if another name
    /// becomes the original. `None` means that no member has the name.
    fn update_oldest_join(
        &mut self,
        skeleton: &Arc<str>,
        name: &Arc<str>,
        before: Option<u64>,
        after: Option<u64>,
    ) {
        let old_original = self.original(skeleton).cloned();
        let alike = self.names_by_skeleton.entry(skeleton.clone()).or_default();
        if let Some(before) = before {
            alike.remove(&before);
        }
        if let Some(after) = after {
            alike.insert(after, name.clone());
        }
        let new_original = alike.values().next().cloned();
        if new_original == old_original {
            return;
        }

        // Another original changes the marks of all names that look alike.
        if alike.len() < NAME_GROUPS {
            alike.values().for_each(|name| self.changed.insert(name));
        } else {
            // So many names would fill nearly all groups of the set.
            self.mark_all_changed();
        }
        if new_original.is_none() {
            self.names_by_skeleton.remove(skeleton);
        }

        // Former lookalikes of the old original lose the mark.
        self.former_lookalikes.retain(|known| {
            let has_other_skeleton = known.skeleton != *skeleton;
            let is_kept = has_other_skeleton || Some(&known.original) == new_original.as_ref();
            if !is_kept {
                self.changed.insert(&known.name);
            }
            is_kept
        });
    }

    /// Returns the original among the names with this skeleton.
    fn original(&self, skeleton: &str) -> Option<&Arc<str>> {
        self.names_by_skeleton.get(skeleton)?.values().next()
    }

    /// Returns whether several members have `name`.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.holders.get(name).is_some_and(|holders| holders.joins.len() > 1)
    }

    /// Returns whether `name` looks like the name of an older member.
    pub(super) fn is_lookalike(&self, name: &str) -> bool {
        let Some(holders) = self.holders.get(name) else {
            // No present member has the name.
            return self.former_lookalikes.iter().any(|known| *known.name == *name);
        };
        self.original(&holders.skeleton).is_some_and(|original| **original != *name)
    }

    /// Returns the index of the member with this join number among the members who have `name`,
    /// oldest first.
    pub(super) fn index(&self, name: &str, join: u64) -> Option<usize> {
        self.holders.get(name)?.joins.binary_search(&join).ok()
    }

    /// Records that the style of every name may have changed.
    pub(super) fn mark_all_changed(&mut self) {
        self.changed = NameSet(u64::MAX);
    }

    /// Returns the names whose style may have changed since the last call.
    pub(super) fn take_changed(&mut self) -> NameSet {
        std::mem::take(&mut self.changed)
    }

    /// Returns the number of remembered lookalike names of former members.
    #[cfg(test)]
    pub(super) fn former_lookalike_count(&self) -> usize {
        self.former_lookalikes.len()
    }
}
