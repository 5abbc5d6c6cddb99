//! The member list, oldest member first. A join, leave or rename takes the same time in small and
//! large rooms, except that a leave moves the tail of an array.

use std::collections::HashMap;
use std::sync::Arc;

use xmeet_shared::{Member, Pid};

use super::names::{NameSet, Names};
use crate::identity;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The pid.
    pub pid: Pid,
    /// The present nickname.
    pub name: Arc<str>,
}

/// The style of a name: its colour and its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameStyle {
    /// The colour, below [`identity::HUES`].
    pub hue: u32,
    /// Whether several members have this name.
    pub is_shared: bool,
    /// Whether the name looks like the name of an older member.
    pub is_lookalike: bool,
}

/// The member list of a room.
#[derive(Debug, Default)]
pub struct Members {
    people: Vec<Person>,
    /// The join number of each member, at the same index.
    joins: Vec<u64>,
    join_by_pid: HashMap<Pid, u64>,
    last_join: u64,
    names: Names,
}

impl Members {
    /// Replaces the list with that of a greeting.
    pub fn replace(&mut self, members: &[Member]) {
        *self = Self::default();
        for member in members {
            self.join(&member.pid, member.nickname.as_str());
        }
        self.names.mark_all_changed();
    }

    /// Adds a member. If the member is already present, only changes the name.
    pub fn join(&mut self, pid: &Pid, name: &str) {
        if self.rename(pid, name).is_none() {
            self.last_join += 1;
            let name: Arc<str> = name.into();
            self.names.add(&name, self.last_join);
            self.people.push(Person { pid: pid.clone(), name });
            self.joins.push(self.last_join);
            self.join_by_pid.insert(pid.clone(), self.last_join);
        }
    }

    /// Removes a member and returns it.
    pub fn leave(&mut self, pid: &Pid) -> Option<Person> {
        let index = self.index(pid)?;
        self.join_by_pid.remove(pid);
        let join = self.joins.remove(index);
        let person = self.people.remove(index);
        self.names.remove(&person.name, join);
        Some(person)
    }

    /// Renames a member and returns the old name.
    pub fn rename(&mut self, pid: &Pid, name: &str) -> Option<Arc<str>> {
        let index = self.index(pid)?;
        if *self.people[index].name == *name {
            return Some(self.people[index].name.clone());
        }
        let name: Arc<str> = name.into();
        let old = std::mem::replace(&mut self.people[index].name, name.clone());
        self.names.remove(&old, self.joins[index]);
        self.names.add(&name, self.joins[index]);
        Some(old)
    }

    /// Returns the style of the name of a present or former member.
    #[must_use]
    pub fn style(&self, pid: &Pid, name: &str) -> NameStyle {
        let is_shared = self.names.is_shared(name);
        let index = if is_shared {
            let join = self.join_by_pid.get(pid);
            let index = join.and_then(|join| self.names.index(name, *join));
            index.unwrap_or_else(|| identity::index_of_former_member(pid))
        } else {
            0
        };
        let is_lookalike = self.names.is_lookalike(name);
        NameStyle { hue: identity::hue(name, index), is_shared, is_lookalike }
    }

    /// Returns the names whose style may have changed since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.names.take_changed()
    }

    /// Returns the name of a present member.
    #[must_use]
    pub fn name(&self, pid: &Pid) -> Option<&Arc<str>> {
        self.people.get(self.index(pid)?).map(|person| &person.name)
    }

    /// Returns the members, oldest first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Returns the index of a member.
    #[must_use]
    pub fn index(&self, pid: &Pid) -> Option<usize> {
        self.joins.binary_search(self.join_by_pid.get(pid)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(serial: u64) -> Pid {
        Pid::new(0, serial, 1)
    }

    fn members(names: &[&str]) -> Members {
        let mut members = Members::default();
        for (serial, name) in (0..).zip(names) {
            members.join(&pid(serial), name);
        }
        members
    }

    fn marked(members: &Members) -> Vec<&str> {
        let marked = |person: &&Person| members.style(&person.pid, &person.name).is_lookalike;
        members.people().iter().filter(marked).map(|person| &*person.name).collect()
    }

    #[test]
    fn names_that_look_alike_mark_all_but_the_oldest_member() {
        let mut room = members(&["Anna", "小明", "Аnna", "Anna", "Ａnna"]);
        assert_eq!(marked(&room), ["Аnna", "Ａnna"]);
        room.rename(&pid(2), "Boris");
        assert_eq!(marked(&room), ["Ａnna"]);
        room.rename(&pid(1), "Вoris");
        assert_eq!(marked(&room), ["Boris", "Ａnna"], "the older member is the original");
        room.leave(&pid(0));
        assert_eq!(marked(&room), ["Boris", "Ａnna"], "another Anna is older");
        room.leave(&pid(3));
        assert_eq!(marked(&room), ["Boris"]);
    }

    #[test]
    fn lookalike_who_left_stays_marked_while_the_original_is_present() {
        let mut room = members(&["Anna", "Аnna"]);
        room.leave(&pid(1));
        assert!(room.style(&pid(1), "Аnna").is_lookalike);
        assert!(!room.style(&pid(0), "Anna").is_lookalike);
        room.leave(&pid(0));
        assert!(!room.style(&pid(1), "Аnna").is_lookalike);
    }

    #[test]
    fn remembered_lookalikes_who_left_are_bounded() {
        let mut room = members(&["llllllllll"]);
        for serial in 1..1_000 {
            let bits = (0..10).map(|bit| if serial >> bit & 1 == 1 { 'I' } else { 'l' });
            room.join(&pid(serial), &bits.collect::<String>());
            room.leave(&pid(serial));
        }
        assert_eq!(room.names.remembered_count(), super::super::names::REMEMBERED_MAX);
    }

    #[test]
    fn members_with_one_name_have_different_colours_up_to_twelve() {
        let names = ["小明"; identity::HUES as usize];
        let mut room = members(&names);
        let hues = |room: &Members| {
            let style = |person: &Person| room.style(&person.pid, &person.name);
            assert!(room.people().iter().all(|person| style(person).is_shared));
            room.people().iter().map(|person| style(person).hue).collect::<Vec<_>>()
        };
        let mut all = hues(&room);
        let first = all[0];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), names.len());
        while room.people().len() > 2 {
            room.leave(&pid(room.people().len() as u64 - 2));
            let mut left = hues(&room);
            let all = left.len();
            left.sort_unstable();
            left.dedup();
            assert_eq!(left.len(), all);
        }
        room.leave(&pid(11));
        let alone = room.style(&pid(0), "小明");
        assert!(!alone.is_shared);
        assert_eq!(alone.hue, first, "the oldest member keeps its colour");
    }

    /// Returns which of `names` may have changed their style since the last call.
    fn changed<'a>(room: &mut Members, names: &[&'a str]) -> Vec<&'a str> {
        let changed = room.take_changed_names();
        names.iter().copied().filter(|name| changed.contains(name)).collect()
    }

    #[test]
    fn join_changes_the_style_of_its_own_name_only() {
        let crowd: Vec<String> = (0..3_000).map(|serial| format!("guest {serial}")).collect();
        for count in [100, 3_000] {
            let mut room = Members::default();
            for (serial, name) in (0..).zip(&crowd[..count]) {
                room.join(&pid(serial), name);
            }
            room.take_changed_names();
            for step in [true, false] {
                if step {
                    room.join(&pid(9_999), "Anna");
                } else {
                    room.leave(&pid(9_999));
                }
                let changed = room.take_changed_names();
                assert_eq!(changed.group_count(), 1, "with {count} members");
                assert!(changed.contains("Anna"));
            }
        }
    }

    #[test]
    fn join_and_leave_report_every_name_whose_style_changes() {
        let all = ["Anna", "Аnna", "Ａnna", "Zed"];
        let mut room = members(&["Anna", "Аnna", "Ａnna", "Zed"]);
        room.take_changed_names();
        room.join(&pid(10), "Zed");
        assert_eq!(changed(&mut room, &all), ["Zed"], "the name is shared now");
        room.leave(&pid(0));
        assert_eq!(
            changed(&mut room, &all),
            ["Anna", "Аnna", "Ａnna"],
            "another spelling is the original now, so the marks change"
        );
        assert_eq!(marked(&room), ["Ａnna"]);
        assert_eq!(changed(&mut room, &all), [""; 0]);
    }

    /// A reference implementation that scans all members.
    #[derive(Default)]
    struct Naive(Vec<Person>);

    impl Naive {
        fn is_shared(&self, name: &str) -> bool {
            self.0.iter().filter(|person| *person.name == *name).count() > 1
        }

        fn is_lookalike(&self, name: &str) -> bool {
            let skeleton = crate::lookalike::skeleton;
            let mut alike = self.0.iter().filter(|person| skeleton(&person.name) == skeleton(name));
            alike.next().is_some_and(|first| *first.name != *name)
        }
    }

    proptest::proptest! {
        #[test]
        fn any_joins_leaves_and_renames_match_the_reference(
            steps in proptest::collection::vec((0u8..3, 0u64..12, 0usize..6), 0..200),
        ) {
            let names = ["Anna", "Аnna", "Ａnna", "l1", "ll", "小明"];
            let (mut room, mut naive) = (Members::default(), Naive::default());
            for (kind, serial, name) in steps {
                let index = naive.0.iter().position(|person| person.pid == pid(serial));
                match (kind, index) {
                    (0, None) => {
                        room.join(&pid(serial), names[name]);
                        naive.0.push(Person { pid: pid(serial), name: names[name].into() });
                    }
                    (1, Some(index)) => {
                        let left = naive.0.remove(index);
                        proptest::prop_assert_eq!(room.leave(&pid(serial)), Some(left));
                    }
                    (_, Some(index)) => {
                        let old = room.rename(&pid(serial), names[name]);
                        proptest::prop_assert_eq!(old.as_ref(), Some(&naive.0[index].name));
                        naive.0[index].name = names[name].into();
                    }
                    _ => proptest::prop_assert_eq!(room.leave(&pid(serial)), None),
                }
                proptest::prop_assert_eq!(room.people(), &naive.0[..]);
                for person in &naive.0 {
                    let style = room.style(&person.pid, &person.name);
                    proptest::prop_assert_eq!(style.is_shared, naive.is_shared(&person.name));
                    proptest::prop_assert_eq!(style.is_lookalike, naive.is_lookalike(&person.name));
                    proptest::prop_assert_eq!(room.name(&person.pid), Some(&person.name));
                }
            }
        }
    }
}
