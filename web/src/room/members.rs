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
}

impl Members {
    /// Starts over from a greeting.
    pub fn replace(&mut self, members: &[Member]) {
        self.people.clear();
        for member in members {
            self.join(&member.pid, member.nickname.as_str());
        }
    }

    /// Somebody came. A member that is known already only takes the name.
    pub fn join(&mut self, pid: &Pid, name: &str) {
        if self.rename(pid, name).is_none() {
            self.people.push(Person { pid: pid.clone(), name: name.into() });
        }
    }

    /// Somebody went: gives back who it was.
    pub fn leave(&mut self, pid: &Pid) -> Option<Person> {
        let place = self.people.iter().position(|person| person.pid == *pid)?;
        Some(self.people.remove(place))
    }

    /// Somebody took another name: gives back the old one.
    pub fn rename(&mut self, pid: &Pid, name: &str) -> Option<Arc<str>> {
        let person = self.people.iter_mut().find(|person| person.pid == *pid)?;
        Some(std::mem::replace(&mut person.name, name.into()))
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
