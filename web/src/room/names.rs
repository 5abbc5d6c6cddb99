//! Indexes the names of the members: who shares one, and which look like another. Every question
//! is answered without walking the member list, and a change tells which names it touched.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::lookalike::skeleton;

/// The most names of members who left that are remembered for looking like another.
pub const REMEMBERED_MAX: usize = 64;

/// How many groups a [`NameSet`] tells apart.
pub const NAME_GROUPS: usize = 64;

/// A set of names, in a fixed number of groups: it may contain more names than were added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameSet(u64);

impl NameSet {
    /// The group that a name belongs to, below [`NAME_GROUPS`].
    #[must_use]
    pub fn group_of(name: &str) -> usize {
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = name.bytes().fold(0x811C_9DC5, mix);
        (hash ^ hash >> 15) as usize % NAME_GROUPS
    }

    /// Whether the name may be in it.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.0 >> Self::group_of(name) & 1 == 1
    }

    /// The groups that have a name in it.
    pub fn groups(self) -> impl Iterator<Item = usize> {
        (0..NAME_GROUPS).filter(move |group| self.0 >> group & 1 == 1)
    }

    /// How many groups have a name in it.
    #[must_use]
    pub fn group_count(self) -> usize {
        self.0.count_ones() as usize
    }

    fn insert(&mut self, name: &str) {
        self.0 |= 1 << Self::group_of(name);
    }
}

/// The members who bear one name.
#[derive(Debug)]
struct Bearers {
    /// The numbers of their joins, oldest first.
    joins: Vec<u64>,
    /// What the name looks like.
    skeleton: Arc<str>,
}

/// A name that looked like the name of a member, after all who bore it left.
#[derive(Debug)]
struct Remembered {
    name: Arc<str>,
    original: Arc<str>,
    skeleton: Arc<str>,
}

/// The names of all members.
#[derive(Debug, Default)]
pub(super) struct Names {
    bearers: HashMap<Arc<str>, Bearers>,
    /// The names that look alike, by the oldest join under each: the first is the original.
    alike: HashMap<Arc<str>, BTreeMap<u64, Arc<str>>>,
    /// They stay while the original does: what an impostor said keeps its mark.
    remembered: VecDeque<Remembered>,
    changed: NameSet,
}

impl Names {
    /// Notes that the member with this join bears `name`.
    pub(super) fn add(&mut self, name: &Arc<str>, join: u64) {
        self.changed.insert(name);
        let new = || Bearers { joins: Vec::new(), skeleton: skeleton(name).into() };
        let bearers = self.bearers.entry(name.clone()).or_insert_with(new);
        let first = bearers.joins.first().copied();
        let place = bearers.joins.partition_point(|held| *held < join);
        bearers.joins.insert(place, join);
        if place == 0 {
            let skeleton = bearers.skeleton.clone();
            self.first_join_changed(&skeleton, name, first, Some(join));
        }
    }

    /// Notes that the member with this join bears `name` no longer.
    pub(super) fn remove(&mut self, name: &Arc<str>, join: u64) {
        let Some(bearers) = self.bearers.get_mut(name) else { return };
        let Ok(place) = bearers.joins.binary_search(&join) else { return };
        self.changed.insert(name);
        bearers.joins.remove(place);
        let next = bearers.joins.first().copied();
        let skeleton = bearers.skeleton.clone();
        if next.is_none() {
            self.remember(name, &skeleton);
            self.bearers.remove(name);
        }
        if place == 0 {
            self.first_join_changed(&skeleton, name, Some(join), next);
        }
    }

    /// The last member of a name that looks like another leaves: keeps the mark for what was said.
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

    /// The oldest join under a name is another one: among the names that look alike there may be
    /// another original.
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

    /// Whether several members bear `name`.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.bearers.get(name).is_some_and(|bearers| bearers.joins.len() > 1)
    }

    /// Whether `name` looks like the name of a member who was here before.
    pub(super) fn is_lookalike(&self, name: &str) -> bool {
        match self.bearers.get(name) {
            Some(bearers) => {
                self.original(&bearers.skeleton).is_some_and(|original| **original != *name)
            }
            None => self.remembered.iter().any(|known| *known.name == *name),
        }
    }

    /// The place of the member with this join among those who bear `name`, oldest first.
    pub(super) fn place(&self, name: &str, join: u64) -> Option<usize> {
        self.bearers.get(name)?.joins.binary_search(&join).ok()
    }

    /// Any name may be drawn in another style.
    pub(super) fn mark_all_changed(&mut self) {
        self.changed = NameSet(u64::MAX);
    }

    /// Returns the names that may be drawn in another style since the last call.
    pub(super) fn take_changed(&mut self) -> NameSet {
        std::mem::take(&mut self.changed)
    }

    /// How many names are remembered of members who left.
    #[cfg(test)]
    pub(super) fn remembered_count(&self) -> usize {
        self.remembered.len()
    }
}
