//! An index of the members' names: which names are shared, and which look like another. No look-up
//! walks the member list, and each change records the names whose style it may change.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::lookalike::skeleton;

/// The most remembered lookalike names of members who left.
pub const REMEMBERED_MAX: usize = 64;

/// The number of groups of a [`NameSet`].
pub const NAME_GROUPS: usize = 64;

/// A set of names that stores only their groups, so it can contain names that were not added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameSet(u64);

impl NameSet {
    /// Returns the group of a name, below [`NAME_GROUPS`].
    #[must_use]
    pub fn group_of(name: &str) -> usize {
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = name.bytes().fold(0x811C_9DC5, mix);
        (hash ^ hash >> 15) as usize % NAME_GROUPS
    }

    /// Returns whether the set may contain the name.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.0 >> Self::group_of(name) & 1 == 1
    }

    /// Returns the groups with a name in the set.
    pub fn groups(self) -> impl Iterator<Item = usize> {
        (0..NAME_GROUPS).filter(move |group| self.0 >> group & 1 == 1)
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
    /// Their join numbers, oldest first.
    joins: Vec<u64>,
    /// The skeleton of the name.
    skeleton: Arc<str>,
}

/// A lookalike name whose last member left.
#[derive(Debug)]
struct Remembered {
    name: Arc<str>,
    original: Arc<str>,
    skeleton: Arc<str>,
}

/// The names of all members.
#[derive(Debug, Default)]
pub(super) struct Names {
    holders: HashMap<Arc<str>, Holders>,
    /// The names with each skeleton by the oldest join of each name. The first is the original.
    alike: HashMap<Arc<str>, BTreeMap<u64, Arc<str>>>,
    /// Lookalike names are remembered while the original is present, so that old messages keep their
    /// mark.
    remembered: VecDeque<Remembered>,
    changed: NameSet,
}

impl Names {
    /// Records that the member with this join number has `name`.
    pub(super) fn add(&mut self, name: &Arc<str>, join: u64) {
        self.changed.insert(name);
        let new = || Holders { joins: Vec::new(), skeleton: skeleton(name).into() };
        let holders = self.holders.entry(name.clone()).or_insert_with(new);
        let first = holders.joins.first().copied();
        let index = holders.joins.partition_point(|held| *held < join);
        holders.joins.insert(index, join);
        if index == 0 {
            let skeleton = holders.skeleton.clone();
            self.first_join_changed(&skeleton, name, first, Some(join));
        }
    }

    /// Records that the member with this join number no longer has `name`.
    pub(super) fn remove(&mut self, name: &Arc<str>, join: u64) {
        let Some(holders) = self.holders.get_mut(name) else { return };
        let Ok(index) = holders.joins.binary_search(&join) else { return };
        self.changed.insert(name);
        holders.joins.remove(index);
        let next = holders.joins.first().copied();
        let skeleton = holders.skeleton.clone();
        if next.is_none() {
            self.remember(name, &skeleton);
            self.holders.remove(name);
        }
        if index == 0 {
            self.first_join_changed(&skeleton, name, Some(join), next);
        }
    }

    /// Remembers a lookalike name whose last member leaves.
    fn remember(&mut self, name: &Arc<str>, skeleton: &Arc<str>) {
        let Some(original) = self.original(skeleton).filter(|original| *original != name) else {
            return;
        };
        let remembered = Remembered {
            name: name.clone(),
            original: original.clone(),
            skeleton: skeleton.clone(),
        };
        self.remembered.retain(|known| known.name != *name);
        self.remembered.push_back(remembered);
        if self.remembered.len() > REMEMBERED_MAX
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.changed.insert(&oldest.name);
        }
    }

    /// Records a change of the oldest join of a name. It may change which name is the original.
    fn first_join_changed(
        &mut self,
        skeleton: &Arc<str>,
        name: &Arc<str>,
        before: Option<u64>,
        after: Option<u64>,
    ) {
        let old = self.original(skeleton).cloned();
        let alike = self.alike.entry(skeleton.clone()).or_default();
        if let Some(before) = before {
            alike.remove(&before);
        }
        if let Some(after) = after {
            alike.insert(after, name.clone());
        }
        let new = alike.values().next().cloned();
        if old == new {
            return;
        }
        if alike.len() < NAME_GROUPS {
            alike.values().for_each(|name| self.changed.insert(name));
        } else {
            self.mark_all_changed();
        }
        if new.is_none() {
            self.alike.remove(skeleton);
        }
        self.remembered.retain(|known| {
            let stays = known.skeleton != *skeleton || Some(&known.original) == new.as_ref();
            if !stays {
                self.changed.insert(&known.name);
            }
            stays
        });
    }

    fn original(&self, skeleton: &str) -> Option<&Arc<str>> {
        self.alike.get(skeleton)?.values().next()
    }

    /// Returns whether several members have `name`.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.holders.get(name).is_some_and(|holders| holders.joins.len() > 1)
    }

    /// Returns whether `name` looks like the name of an older member.
    pub(super) fn is_lookalike(&self, name: &str) -> bool {
        match self.holders.get(name) {
            Some(holders) => {
                self.original(&holders.skeleton).is_some_and(|original| **original != *name)
            }
            None => self.remembered.iter().any(|known| *known.name == *name),
        }
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

    /// Returns the number of remembered names of members who left.
    #[cfg(test)]
    pub(super) fn remembered_count(&self) -> usize {
        self.remembered.len()
    }
}
