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
    /// Replaces the list by the members of a greeting.
    pub fn replace(&mut self, members: &[Member]) {
        *self = Self::default();
        for member in members {
            self.join(&member.pid, member.nickname.as_str());
        }
        self.names.mark_all_changed();
    }

    /// Adds a member. If the member is already present, only the name changes.
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

    /// Renames a member and returns the old name. Returns `None` if there is no such member.
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

    /// Returns the colour and the marks of a member's name. The member may have left.
    #[must_use]
    pub fn style(&self, pid: &Pid, name: &str) -> NameStyle {
        let is_shared = self.names.is_shared(name);
        let hue_index = if is_shared { self.index_among_same_name(pid, name) } else { 0 };
        let is_lookalike = self.names.is_lookalike(name);
        NameStyle { hue: identity::hue(name, hue_index), is_shared, is_lookalike }
    }

    /// Returns a number that tells members with the same name apart: the position in the order of
    /// joining, or a number derived from the pid if the member has left.
    fn index_among_same_name(&self, pid: &Pid, name: &str) -> usize {
        let join = self.join_by_pid.get(pid);
        let index = join.and_then(|join| self.names.index(name, *join));
        index.unwrap_or_else(|| identity::index_of_former_member(pid))
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

    /// Returns the index of a member in the list.
    #[must_use]
    pub fn index(&self, pid: &Pid) -> Option<usize> {
        self.joins.binary_search(self.join_by_pid.get(pid)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::lookalike::skeleton;

    fn pid(serial: u64) -> Pid {
        Pid::new(0, serial, 1)
    }

    /// Returns a list with a member for each name, whose serial number is the index.
    fn members(names: &[&str]) -> Members {
        let mut members = Members::default();
        for (serial, name) in (0..).zip(names) {
            members.join(&pid(serial), name);
        }
        members
    }

    /// Returns the names of the present members that are marked as lookalikes.
    fn lookalikes(members: &Members) -> Vec<&str> {
        let is_marked = |person: &&Person| members.style(&person.pid, &person.name).is_lookalike;
        members.people().iter().filter(is_marked).map(|person| &*person.name).collect()
    }

    #[test]
    fn names_that_look_alike_mark_all_but_the_oldest_member() {
        // The A of the third name is Cyrillic, that of the fifth name is fullwidth.
        let mut room = members(&["Anna", "小明", "Аnna", "Anna", "Ａnna"]);
        assert_eq!(lookalikes(&room), ["Аnna", "Ａnna"]);
        room.rename(&pid(2), "Boris");
        assert_eq!(lookalikes(&room), ["Ａnna"]);
        room.rename(&pid(1), "Вoris");
        assert_eq!(lookalikes(&room), ["Boris", "Ａnna"], "the older member is the original");
        room.leave(&pid(0));
        assert_eq!(lookalikes(&room), ["Boris", "Ａnna"], "another Anna is older");
        room.leave(&pid(3));
        assert_eq!(lookalikes(&room), ["Boris"]);
    }

    #[test]
    fn lookalike_who_left_stays_marked_while_the_original_is_present() {
        // The A of the second name is Cyrillic.
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
            // Each serial number gives another name of ten letters I and l, which look alike.
            let letter = |bit: u32| if serial >> bit & 1 == 1 { 'I' } else { 'l' };
            let name: String = (0..10).map(letter).collect();
            room.join(&pid(serial), &name);
            room.leave(&pid(serial));
        }
        assert_eq!(room.names.former_lookalike_count(), super::super::names::FORMER_LOOKALIKES_MAX);
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
        let distinct_count = |hues: &[u32]| hues.iter().collect::<HashSet<_>>().len();
        let all_hues = hues(&room);
        assert_eq!(distinct_count(&all_hues), names.len());

        // All members but the first and the last one leave.
        while room.people().len() > 2 {
            room.leave(&pid(room.people().len() as u64 - 2));
            let remaining_hues = hues(&room);
            assert_eq!(distinct_count(&remaining_hues), remaining_hues.len());
        }
        let last = names.len() as u64 - 1;
        room.leave(&pid(last));
        let style = room.style(&pid(0), "小明");
        assert!(!style.is_shared);
        assert_eq!(style.hue, all_hues[0], "the oldest member keeps the colour");
    }

    /// Returns those of `names` whose style may have changed since the last call.
    fn changed<'a>(room: &mut Members, names: &[&'a str]) -> Vec<&'a str> {
        let changed = room.take_changed_names();
        names.iter().copied().filter(|name| changed.contains(name)).collect()
    }

    /// Checks that the style of no other name may have changed since the last call.
    fn assert_only_changed(room: &mut Members, name: &str) {
        let changed = room.take_changed_names();
        assert_eq!(changed.group_count(), 1, "with {} members", room.people().len());
        assert!(changed.contains(name));
    }

    #[test]
    fn join_changes_the_style_of_its_own_name_only() {
        let anna = pid(9_999);
        for count in [100, 3_000] {
            let mut room = Members::default();
            for serial in 0..count {
                room.join(&pid(serial), &format!("guest {serial}"));
            }
            room.take_changed_names();
            room.join(&anna, "Anna");
            assert_only_changed(&mut room, "Anna");
            room.leave(&anna);
            assert_only_changed(&mut room, "Anna");
        }
    }

    #[test]
    fn join_and_leave_report_every_name_whose_style_changes() {
        // The first three names look alike: with a Latin, a Cyrillic and a fullwidth A.
        let all = ["Anna", "Аnna", "Ａnna", "Zed"];
        let mut room = members(&all);
        room.take_changed_names();
        room.join(&pid(10), "Zed");
        assert_eq!(changed(&mut room, &all), ["Zed"], "the name is shared now");
        room.leave(&pid(0));
        assert_eq!(
            changed(&mut room, &all),
            ["Anna", "Аnna", "Ａnna"],
            "another spelling is the original now, so the marks change"
        );
        assert_eq!(lookalikes(&room), ["Ａnna"]);
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
            // Names that look alike have the same skeleton.
            let wanted = skeleton(name);
            let oldest = self.0.iter().find(|person| skeleton(&person.name) == wanted);
            oldest.is_some_and(|oldest| *oldest.name != *name)
        }
    }

    proptest::proptest! {
        #[test]
        fn any_joins_leaves_and_renames_match_the_reference(
            steps in proptest::collection::vec((0u8..3, 0u64..12, 0usize..6), 0..200),
        ) {
            const JOIN: u8 = 0;
            const LEAVE: u8 = 1;
            let names = ["Anna", "Аnna", "Ａnna", "l1", "ll", "小明"];
            let (mut room, mut naive) = (Members::default(), Naive::default());
            for (kind, serial, name) in steps {
                let index = naive.0.iter().position(|person| person.pid == pid(serial));
                match (kind, index) {
                    (JOIN, None) => {
                        room.join(&pid(serial), names[name]);
                        naive.0.push(Person { pid: pid(serial), name: names[name].into() });
                    }
                    (LEAVE, Some(index)) => {
                        let left = naive.0.remove(index);
                        proptest::prop_assert_eq!(room.leave(&pid(serial)), Some(left));
                    }
                    // Any other step renames a member who is present.
                    (_, Some(index)) => {
                        let old = room.rename(&pid(serial), names[name]);
                        proptest::prop_assert_eq!(old.as_ref(), Some(&naive.0[index].name));
                        naive.0[index].name = names[name].into();
                    }
                    // The reference has no such member, so the room has none either.
                    (_, None) => proptest::prop_assert_eq!(room.leave(&pid(serial)), None),
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
