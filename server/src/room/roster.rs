//! Who is in a room, oldest member first.

use std::sync::Arc;

use xmeet_shared::{Member, Nickname, Pid};

use super::interface::MemberKey;

/// The members at one place in the room's order. Cheap to clone; a clone does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster(Arc<Inner>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Inner {
    /// Sorted by key, for keys grow.
    members: Vec<(MemberKey, Member)>,
    reshaped: u64,
}

impl Roster {
    /// The members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.0.members.iter().map(|(_, member)| member)
    }

    /// Counts what was done to it other than adding at the end. Two rosters of a room with the same
    /// count begin with the same members.
    #[must_use]
    pub fn reshaped(&self) -> u64 {
        self.0.reshaped
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.members.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.members.is_empty()
    }

    pub(super) fn get(&self, key: MemberKey) -> Option<&Member> {
        let at = self.place(key)?;
        Some(&self.0.members[at].1)
    }

    pub(super) fn pid(&self, key: MemberKey) -> Option<&Pid> {
        Some(&self.get(key)?.pid)
    }

    /// Adds one whose key is larger than all keys before.
    pub(super) fn add(&mut self, key: MemberKey, member: Member) {
        self.change().members.push((key, member));
    }

    pub(super) fn remove(&mut self, key: MemberKey) -> Option<Pid> {
        let at = self.place(key)?;
        let inner = self.change();
        inner.reshaped += 1;
        Some(inner.members.remove(at).1.pid)
    }

    /// Gives a member another name, and says who it is.
    pub(super) fn rename(&mut self, key: MemberKey, nickname: Nickname) -> Option<Pid> {
        let at = self.place(key)?;
        let inner = self.change();
        inner.reshaped += 1;
        let member = &mut inner.members[at].1;
        member.nickname = nickname;
        Some(member.pid.clone())
    }

    fn place(&self, key: MemberKey) -> Option<usize> {
        self.0.members.binary_search_by_key(&key, |(key, _)| *key).ok()
    }

    /// Copies only what a clone still holds.
    fn change(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}
