//! Who is in the room, oldest member first.

use std::sync::Arc;

use xmeet_shared::{Member, Pid};

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The member's id.
    pub pid: Pid,
    /// What the member is called now.
    pub name: Arc<str>,
}

/// The member list. Its length is the room's count.
#[derive(Debug, Default)]
pub struct Members {
    people: Vec<Person>,
    /// The names that several bear.
    shared_names: Vec<Arc<str>>,
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
            self.recount(name);
        }
    }

    /// Somebody went: gives back who it was.
    pub fn leave(&mut self, pid: &Pid) -> Option<Person> {
        let place = self.people.iter().position(|person| person.pid == *pid)?;
        let person = self.people.remove(place);
        self.recount(&person.name);
        Some(person)
    }

    /// Somebody took another name: gives back the old one.
    pub fn rename(&mut self, pid: &Pid, name: &str) -> Option<Arc<str>> {
        let person = self.people.iter_mut().find(|person| person.pid == *pid)?;
        let old = std::mem::replace(&mut person.name, name.into());
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
    }

    /// The names that several bear.
    #[must_use]
    pub fn shared_names(&self) -> &[Arc<str>] {
        &self.shared_names
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
