//! Keeps who is in the room, oldest member first. A join, a leave or a rename costs the same in a
//! room of ten and in one of thousands, but for moving the tail of one array of pointers.

use std::collections::HashMap;
use std::sync::Arc;

use xmeet_shared::{Member, Pid};

use super::names::{NameSet, Names};
use crate::identity;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The member's id.
    pub pid: Pid,
    /// What the member is called now.
    pub name: Arc<str>,
}

/// How a name is drawn: its colour, and the marks behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameStyle {
    /// Its colour, below [`identity::HUES`].
    pub hue: u32,
    /// Whether several members bear it.
    pub is_shared: bool,
    /// Whether it looks like another name, of a member who was here before.
    pub is_lookalike: bool,
}

/// The member list. Its length is the room's count.
#[derive(Debug, Default)]
pub struct Members {
    people: Vec<Person>,
    /// The number of each one's join, in the same places.
    joins: Vec<u64>,
    join_by_pid: HashMap<Pid, u64>,
    last_join: u64,
    names: Names,
}

impl Members {
    /// Starts over from a greeting.
    pub fn replace(&mut self, members: &[Member]) {
        *self = Self::default();
        for member in members {
            self.join(&member.pid, member.nickname.as_str());
        }
        self.names.mark_all_changed();
    }

    /// Adds a member. A member that is known already only takes the name.
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

    /// Removes a member, and returns who it was.
    pub fn leave(&mut self, pid: &Pid) -> Option<Person> {
        let place = self.place(pid)?;
        self.join_by_pid.remove(pid);
        let join = self.joins.remove(place);
        let person = self.people.remove(place);
        self.names.remove(&person.name, join);
        Some(person)
    }

    /// Gives a member another name, and returns the old one.
    pub fn rename(&mut self, pid: &Pid, name: &str) -> Option<Arc<str>> {
        let place = self.place(pid)?;
        if *self.people[place].name == *name {
            return Some(self.people[place].name.clone());
        }
        let name: Arc<str> = name.into();
        let old = std::mem::replace(&mut self.people[place].name, name.clone());
        self.names.remove(&old, self.joins[place]);
        self.names.add(&name, self.joins[place]);
        Some(old)
    }

    /// Returns how the name of a member is drawn, or of somebody who was one.
    #[must_use]
    pub fn style(&self, pid: &Pid, name: &str) -> NameStyle {
        let is_shared = self.names.is_shared(name);
        let place = if is_shared {
            let join = self.join_by_pid.get(pid);
            let place = join.and_then(|join| self.names.place(name, *join));
            place.unwrap_or_else(|| identity::place_of_absent(pid))
        } else {
            0
        };
        let is_lookalike = self.names.is_lookalike(name);
        NameStyle { hue: identity::hue(name, place), is_shared, is_lookalike }
    }

    /// Returns the names that may be drawn in another style since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.names.take_changed()
    }

    /// What a present member is called.
    #[must_use]
    pub fn name(&self, pid: &Pid) -> Option<&Arc<str>> {
        self.people.get(self.place(pid)?).map(|person| &person.name)
    }

    /// Everybody, oldest member first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Returns the place of a member, from 0.
    #[must_use]
    pub fn place(&self, pid: &Pid) -> Option<usize> {
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
    fn of_names_that_look_alike_the_later_members_is_marked() {
        let mut room = members(&["Anna", "小明", "Аnna", "Anna", "Ａnna"]);
        assert_eq!(marked(&room), ["Аnna", "Ａnna"]);
        room.rename(&pid(2), "Boris");
        assert_eq!(marked(&room), ["Ａnna"]);
        room.rename(&pid(1), "Вoris");
        assert_eq!(marked(&room), ["Boris", "Ａnna"], "the older member's is the original");
        room.leave(&pid(0));
        assert_eq!(marked(&room), ["Boris", "Ａnna"], "there is another Anna, who came before");
        room.leave(&pid(3));
        assert_eq!(marked(&room), ["Boris"]);
    }

    #[test]
    fn what_an_impostor_said_stays_marked_while_the_original_is_here() {
        let mut room = members(&["Anna", "Аnna"]);
        room.leave(&pid(1));
        assert!(room.style(&pid(1), "Аnna").is_lookalike);
        assert!(!room.style(&pid(0), "Anna").is_lookalike);
        room.leave(&pid(0));
        assert!(!room.style(&pid(1), "Аnna").is_lookalike);
    }

    #[test]
    fn those_who_are_remembered_for_it_are_not_ever_more() {
        let mut room = members(&["llllllllll"]);
        for serial in 1..1_000 {
            let bits = (0..10).map(|bit| if serial >> bit & 1 == 1 { 'I' } else { 'l' });
            room.join(&pid(serial), &bits.collect::<String>());
            room.leave(&pid(serial));
        }
        assert_eq!(room.names.remembered_count(), super::super::names::REMEMBERED_MAX);
    }

    #[test]
    fn several_of_one_name_never_have_one_colour_while_colours_last() {
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
        assert_eq!(alone.hue, first, "whoever was there first keeps the colour");
    }

    /// Says which of `names` may be drawn in another style since the last call.
    fn changed<'a>(room: &mut Members, names: &[&'a str]) -> Vec<&'a str> {
        let changed = room.take_changed_names();
        names.iter().copied().filter(|name| changed.contains(name)).collect()
    }

    #[test]
    fn a_join_changes_the_style_of_its_own_name_only() {
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
    fn a_change_of_style_is_told_of_every_name_that_it_touches() {
        let all = ["Anna", "Аnna", "Ａnna", "Zed"];
        let mut room = members(&["Anna", "Аnna", "Ａnna", "Zed"]);
        room.take_changed_names();
        room.join(&pid(10), "Zed");
        assert_eq!(changed(&mut room, &all), ["Zed"], "it is shared by now");
        room.leave(&pid(0));
        assert_eq!(changed(&mut room, &all), ["Anna", "Аnna", "Ａnna"], "another original");
        assert_eq!(marked(&room), ["Ａnna"]);
        assert_eq!(changed(&mut room, &all), [""; 0]);
    }

    /// The list as plain scans over all members would keep it.
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
        fn any_joins_leaves_and_renames_agree_with_plain_scans(
            steps in proptest::collection::vec((0u8..3, 0u64..12, 0usize..6), 0..200),
        ) {
            let names = ["Anna", "Аnna", "Ａnna", "l1", "ll", "小明"];
            let (mut room, mut naive) = (Members::default(), Naive::default());
            for (kind, serial, name) in steps {
                let place = naive.0.iter().position(|person| person.pid == pid(serial));
                match (kind, place) {
                    (0, None) => {
                        room.join(&pid(serial), names[name]);
                        naive.0.push(Person { pid: pid(serial), name: names[name].into() });
                    }
                    (1, Some(place)) => {
                        let left = naive.0.remove(place);
                        proptest::prop_assert_eq!(room.leave(&pid(serial)), Some(left));
                    }
                    (_, Some(place)) => {
                        let old = room.rename(&pid(serial), names[name]);
                        proptest::prop_assert_eq!(old.as_ref(), Some(&naive.0[place].name));
                        naive.0[place].name = names[name].into();
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
