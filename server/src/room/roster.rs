//! The members of a room, in the order in which they joined.

use std::sync::Arc;

use xmeet_shared::{Member, Nickname, Pid};

/// A member's key in its room. Later members have larger keys.
pub type MemberKey = u64;

/// Members of one chunk. A change affects one chunk, or merges two. Data derived from other chunks, as
/// their JSON, stays valid.
const CHUNK_MEMBERS_MAX: usize = 64;

/// Two neighbouring chunks with so few members together are merged.
const MERGED_MEMBERS_MAX: usize = CHUNK_MEMBERS_MAX / 2;

/// The members at one place in the room's order. Cheap to clone: clones share chunks until one changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster(Arc<Inner>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Inner {
    /// No chunk is empty. Members are in the order of their keys.
    chunks: Vec<Arc<Chunk>>,
    members: usize,
    last_version: u64,
}

/// Members who joined one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    version: u64,
    members: Vec<(MemberKey, Member)>,
}

impl Chunk {
    /// Returns a number that identifies the contents: within a room, chunks of the same version have the
    /// same members.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Iterates over the members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter().map(|(_, member)| member)
    }

    fn position(&self, key: MemberKey) -> Option<usize> {
        self.members.binary_search_by_key(&key, |(key, _)| *key).ok()
    }

    fn last_key(&self) -> MemberKey {
        self.members.last().map_or(0, |(key, _)| *key)
    }
}

impl Roster {
    /// Iterates over the chunks, oldest members first.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = &Chunk> {
        self.0.chunks.iter().map(AsRef::as_ref)
    }

    /// Iterates over the members, oldest first.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.chunks().flat_map(Chunk::members)
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.members
    }

    /// Returns whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.members == 0
    }

    pub(super) fn get(&self, key: MemberKey) -> Option<&Member> {
        let (chunk, position) = self.find(key)?;
        Some(&self.0.chunks[chunk].members[position].1)
    }

    pub(super) fn pid(&self, key: MemberKey) -> Option<&Pid> {
        Some(&self.get(key)?.pid)
    }

    /// Adds a member whose key is larger than all keys before.
    pub(super) fn add(&mut self, key: MemberKey, member: Member) {
        let inner = Arc::make_mut(&mut self.0);
        inner.members += 1;
        let is_full = |chunk: &Arc<Chunk>| chunk.members.len() >= CHUNK_MEMBERS_MAX;
        if inner.chunks.last().is_none_or(is_full) {
            inner.chunks.push(Arc::new(Chunk { version: 0, members: Vec::new() }));
        }
        let last = inner.chunks.len() - 1;
        inner.chunk_mut(last).members.push((key, member));
    }

    pub(super) fn remove(&mut self, key: MemberKey) -> Option<Pid> {
        let (chunk, position) = self.find(key)?;
        let inner = Arc::make_mut(&mut self.0);
        inner.members -= 1;
        let (_, member) = inner.chunk_mut(chunk).members.remove(position);
        inner.merge_around(chunk);
        Some(member.pid)
    }

    /// Renames a member and returns its pid.
    pub(super) fn rename(&mut self, key: MemberKey, nickname: Nickname) -> Option<Pid> {
        let (chunk, position) = self.find(key)?;
        let inner = Arc::make_mut(&mut self.0);
        let (_, member) = &mut inner.chunk_mut(chunk).members[position];
        member.nickname = nickname;
        Some(member.pid.clone())
    }

    fn find(&self, key: MemberKey) -> Option<(usize, usize)> {
        let chunk = self.0.chunks.partition_point(|chunk| chunk.last_key() < key);
        Some((chunk, self.0.chunks.get(chunk)?.position(key)?))
    }
}

impl Inner {
    /// Returns a chunk for a change, under a new version. Copies the chunk if a clone of the roster
    /// shares it.
    fn chunk_mut(&mut self, chunk: usize) -> &mut Chunk {
        self.last_version += 1;
        let version = self.last_version;
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        chunk.version = version;
        chunk
    }

    /// Removes a chunk that is empty, and merges a small one with a neighbour. Without this, a room could
    /// end up with as many chunks as members.
    fn merge_around(&mut self, chunk: usize) {
        if self.chunks[chunk].members.is_empty() {
            self.chunks.remove(chunk);
            return;
        }
        let is_small = |pair: &[Arc<Chunk>]| {
            pair.iter().map(|chunk| chunk.members.len()).sum::<usize>() <= MERGED_MEMBERS_MAX
        };
        for first in [chunk.checked_sub(1), Some(chunk)].into_iter().flatten() {
            if self.chunks.get(first..first + 2).is_some_and(is_small) {
                let second = self.chunks.remove(first + 1);
                self.chunk_mut(first).members.extend(second.members.iter().cloned());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn member(key: MemberKey, name: u64) -> Member {
        let nickname = Nickname::new(&format!("n{name}")).unwrap();
        Member { pid: Pid::new(0, key, 1), nickname }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add,
        Remove(prop::sample::Index),
        Rename(prop::sample::Index, u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => Just(Step::Add),
            5 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => (any::<prop::sample::Index>(), any::<u64>()).prop_map(|(at, to)| Step::Rename(at, to)),
        ];
        vec(step, 0..900)
    }

    #[test]
    fn neighbouring_chunks_with_few_members_are_merged() {
        let mut roster = Roster::default();
        assert!(roster.is_empty());
        let keys = 1..=(4 * CHUNK_MEMBERS_MAX as MemberKey);
        for key in keys.clone() {
            roster.add(key, member(key, 0));
        }
        assert_eq!((roster.chunks().len(), roster.is_empty()), (4, false));
        // Every eighth member stays, so two chunks together have 16 members.
        for key in keys.filter(|key| key % 8 != 0) {
            roster.remove(key);
        }
        assert_eq!((roster.chunks().len(), roster.len()), (1, 32));
    }

    proptest! {
        #[test]
        fn matches_plain_member_list(steps in steps()) {
            let (mut roster, mut plain) = (Roster::default(), Vec::new());
            let mut seen = std::collections::HashMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Add => {
                        let key = number as MemberKey + 1;
                        roster.add(key, member(key, 0));
                        plain.push((key, member(key, 0)));
                    }
                    Step::Remove(at) if !plain.is_empty() => {
                        let (key, gone) = plain.remove(at.index(plain.len()));
                        prop_assert_eq!(roster.remove(key), Some(gone.pid));
                        prop_assert_eq!(roster.remove(key), None);
                    }
                    Step::Rename(at, to) if !plain.is_empty() => {
                        let at = at.index(plain.len());
                        let renamed = member(plain[at].0, to);
                        let pid = roster.rename(plain[at].0, renamed.nickname.clone());
                        prop_assert_eq!(pid.as_ref(), Some(&renamed.pid));
                        plain[at].1 = renamed;
                    }
                    Step::Remove(_) | Step::Rename(..) => {}
                }
                for chunk in roster.chunks() {
                    // A version never stands for other members.
                    let known = seen.entry(chunk.version()).or_insert_with(|| chunk.members.clone());
                    prop_assert_eq!(&*known, &chunk.members);
                    prop_assert!((1..=CHUNK_MEMBERS_MAX).contains(&chunk.members.len()));
                }
            }
            prop_assert!(roster.members().eq(plain.iter().map(|(_, member)| member)));
            prop_assert_eq!(roster.len(), plain.len());
            prop_assert!(plain.iter().all(|(key, member)| roster.get(*key) == Some(member)));
            let chunks_max = 1 + plain.len() * 2 / (MERGED_MEMBERS_MAX + 1);
            prop_assert!(roster.chunks().len() <= chunks_max.max(1), "{} chunks", roster.chunks().len());
        }
    }

    #[test]
    fn removal_from_a_large_roster_changes_one_chunk_at_most() {
        let mut roster = Roster::default();
        (1..=5000).for_each(|key| roster.add(key, member(key, 0)));
        for key in (1..=5000).step_by(7) {
            let before: std::collections::HashSet<_> =
                roster.chunks().map(Chunk::version).collect();
            roster.remove(key);
            let changed = roster.chunks().filter(|chunk| !before.contains(&chunk.version()));
            assert!(changed.count() <= 1);
        }
    }
}
