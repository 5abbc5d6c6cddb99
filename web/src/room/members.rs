//! Who is in the room, oldest member first.

use std::sync::Arc;

use xmeet_shared::{Member, Pid};

use crate::identity;
use crate::lookalike::skeleton;

/// The most names that are remembered for looking like another.
const LOOKALIKES_MAX: usize = 64;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The member's id.
    pub pid: Pid,
    /// What the member is called now.
    pub name: Arc<str>,
}

/// How a name stands out from others: its colour, and what has to be said with it. In one number,
/// for which the page has a signal already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look(pub u64);

impl Look {
    const SHARED: u64 = 1 << 8;
    const LOOKALIKE: u64 = 1 << 9;

    fn new(hue: u32, is_shared: bool, is_lookalike: bool) -> Self {
        let flag = |holds: bool, bit: u64| if holds { bit } else { 0 };
        let flags = flag(is_shared, Self::SHARED) | flag(is_lookalike, Self::LOOKALIKE);
        Self(u64::from(hue) | flags)
    }

    /// Its colour, below [`identity::HUES`].
    #[must_use]
    pub fn hue(self) -> u32 {
        (self.0 & 0xFF) as u32
    }

    /// Whether several who are present bear it.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }

    /// Whether it looks like another name, of somebody who was here before.
    #[must_use]
    pub fn is_lookalike(self) -> bool {
        self.0 & Self::LOOKALIKE != 0
    }
}

/// A name that looks like that of somebody who is here.
#[derive(Debug)]
struct Lookalike {
    name: Arc<str>,
    original: Arc<str>,
    skeleton: String,
}

/// The member list. Its length is the room's count.
#[derive(Debug, Default)]
pub struct Members {
    people: Vec<Person>,
    /// What each one's name looks like.
    skeletons: Vec<String>,
    /// The names that several bear.
    shared_names: Vec<Arc<str>>,
    /// They stay while the original does: what an impostor has said bears the mark still.
    lookalikes: Vec<Lookalike>,
}

impl Members {
    /// Starts over from a greeting.
    pub fn replace(&mut self, members: &[Member]) {
        *self = Self::default();
        for member in members {
            self.join(&member.pid, member.nickname.as_str());
        }
    }

    /// Somebody came. A member that is known already only takes the name.
    pub fn join(&mut self, pid: &Pid, name: &str) {
        if self.rename(pid, name).is_none() {
            self.people.push(Person { pid: pid.clone(), name: name.into() });
            self.skeletons.push(skeleton(name));
            self.recount(name);
        }
    }

    /// Somebody went: gives back who it was.
    pub fn leave(&mut self, pid: &Pid) -> Option<Person> {
        let place = self.people.iter().position(|person| person.pid == *pid)?;
        let person = self.people.remove(place);
        self.skeletons.remove(place);
        self.recount(&person.name);
        Some(person)
    }

    /// Somebody took another name: gives back the old one.
    pub fn rename(&mut self, pid: &Pid, name: &str) -> Option<Arc<str>> {
        let place = self.people.iter().position(|person| person.pid == *pid)?;
        let old = std::mem::replace(&mut self.people[place].name, name.into());
        self.skeletons[place] = skeleton(name);
        self.recount(&old);
        self.recount(name);
        Some(old)
    }

    /// How many bear `name` may have changed.
    fn recount(&mut self, name: &str) {
        let mut bearers = self.people.iter().filter(|person| *person.name == *name);
        let shared = bearers.next().zip(bearers.next()).map(|(first, _)| first.name.clone());
        self.shared_names.retain(|known| **known != *name);
        self.shared_names.extend(shared);
        self.compare(&skeleton(name));
    }

    /// Who looks like whom may have changed among the names with this skeleton: the name of the
    /// oldest member is the original.
    fn compare(&mut self, skeleton: &str) {
        let people = self.people.iter().zip(&self.skeletons);
        let mut names = people.filter(|(_, own)| *own == skeleton).map(|(person, _)| &person.name);
        let original = names.next();
        self.lookalikes.retain(|known| {
            known.skeleton != skeleton || original.is_some_and(|name| *name == known.original)
        });
        let Some(original) = original else { return };
        for name in names.filter(|name| *name != original) {
            if !self.lookalikes.iter().any(|known| known.name == *name) {
                let (name, original) = (name.clone(), original.clone());
                let skeleton = skeleton.to_owned();
                self.lookalikes.push(Lookalike { name, original, skeleton });
                if self.lookalikes.len() > LOOKALIKES_MAX {
                    self.lookalikes.remove(0);
                }
            }
        }
    }

    /// How the name of a member stands out, or of somebody who was one.
    #[must_use]
    pub fn look(&self, pid: &Pid, name: &str) -> Look {
        let is_shared = self.shared_names.iter().any(|shared| **shared == *name);
        let is_lookalike = self.lookalikes.iter().any(|known| *known.name == *name);
        let place = if is_shared { self.place(pid, name) } else { 0 };
        Look::new(identity::hue(name, place), is_shared, is_lookalike)
    }

    /// The place of a member among those who bear `name`, oldest member first.
    fn place(&self, pid: &Pid, name: &str) -> usize {
        let mut bearers = self.people.iter().filter(|person| *person.name == *name);
        let place = bearers.position(|person| person.pid == *pid);
        place.unwrap_or_else(|| identity::place_of_absent(pid))
    }

    /// What a present member is called.
    #[must_use]
    pub fn name(&self, pid: &Pid) -> Option<&Arc<str>> {
        self.people.iter().find(|person| person.pid == *pid).map(|person| &person.name)
    }

    /// Everybody, oldest member first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
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
        let marked = |person: &&Person| members.look(&person.pid, &person.name).is_lookalike();
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
        assert!(room.look(&pid(1), "Аnna").is_lookalike());
        assert!(!room.look(&pid(0), "Anna").is_lookalike());
        room.leave(&pid(0));
        assert!(!room.look(&pid(1), "Аnna").is_lookalike());
    }

    #[test]
    fn those_who_are_remembered_for_it_are_not_ever_more() {
        let mut room = members(&["llllllllll"]);
        for serial in 1..1_000 {
            let bits = (0..10).map(|bit| if serial >> bit & 1 == 1 { 'I' } else { 'l' });
            room.join(&pid(serial), &bits.collect::<String>());
            room.leave(&pid(serial));
        }
        assert_eq!(room.lookalikes.len(), LOOKALIKES_MAX);
    }

    #[test]
    fn several_of_one_name_never_have_one_colour_while_colours_last() {
        let names = ["小明"; identity::HUES as usize];
        let mut room = members(&names);
        let hues = |room: &Members| {
            let look = |person: &Person| room.look(&person.pid, &person.name);
            assert!(room.people().iter().all(|person| look(person).is_shared()));
            room.people().iter().map(|person| look(person).hue()).collect::<Vec<_>>()
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
        let alone = room.look(&pid(0), "小明");
        assert!(!alone.is_shared());
        assert_eq!(alone.hue(), first, "whoever was there first keeps the colour");
    }
}
