//! The naive room, which handles one operation at a time and delivers its result at once.

use std::collections::{BTreeMap, BTreeSet};

use xmeet_shared::{ErrorCode, Nickname};

use super::{Delivery, Line, MemberKey, StoredMessage, line, pid};

/// An operation of the naive room.
#[derive(Debug)]
pub(super) enum Operation {
    Join(MemberKey, Nickname),
    Leave(MemberKey),
    /// A text for the store, and whether the store kept it. `None` if it has not answered.
    Say(MemberKey, String, Option<bool>),
    /// A text that is not stored.
    SayUnstored(MemberKey, String),
    Rename(MemberKey, Nickname),
    Page(MemberKey, u64),
    Barrier(MemberKey),
    Lose(MemberKey),
    Return(MemberKey, Nickname),
}

/// Applies the operations in order. Returns the deliveries to each member.
pub(super) fn naive(
    operations: Vec<Operation>,
    stored: &[StoredMessage],
    kept_max: usize,
    groups: &[usize],
) -> BTreeMap<MemberKey, Vec<Delivery>> {
    let mut room = Naive {
        log: stored.iter().map(line).collect(),
        kept_max,
        told: BTreeMap::new(),
        members: BTreeMap::new(),
        away: BTreeSet::new(),
    };
    let mut groups = groups.iter().copied();
    // Members who joined and are not greeted yet, and how many more the room greets with them.
    let mut newcomers: Vec<MemberKey> = Vec::new();
    let mut expected = 0;
    for operation in operations {
        match operation {
            Operation::Join(member, _) | Operation::Return(member, _) => {
                if expected == 0 {
                    expected = groups.next().expect("every newcomer is greeted");
                }
                expected -= 1;
                room.comes(operation);
                newcomers.push(member);
                if expected == 0 {
                    room.greet(&newcomers);
                    newcomers.clear();
                }
            }
            operation => {
                assert_eq!(
                    expected, 0,
                    "{operation:?} is between joins that were greeted together"
                );
                room.does(operation);
            }
        }
    }
    room.told
}

struct Naive {
    log: Vec<Line>,
    kept_max: usize,
    told: BTreeMap<MemberKey, Vec<Delivery>>,
    members: BTreeMap<MemberKey, Nickname>,
    /// Members without a connection.
    away: BTreeSet<MemberKey>,
}

impl Naive {
    fn page(&self, cursor: u64) -> Vec<Line> {
        let kept = &self.log[self.log.len().saturating_sub(self.kept_max)..];
        kept.rchunks(50).nth(usize::try_from(cursor).unwrap()).unwrap_or_default().to_vec()
    }

    fn comes(&mut self, operation: Operation) {
        match operation {
            Operation::Join(member, name) => {
                self.tell_all(&Delivery::Joined(pid(member).to_string(), name.to_string()));
                self.members.insert(member, name);
                self.away.insert(member);
            }
            Operation::Return(member, name) => {
                if self.members.insert(member, name.clone()).unwrap() != name {
                    self.tell_all(&Delivery::Renamed(pid(member).to_string(), name.to_string()));
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn greet(&mut self, newcomers: &[MemberKey]) {
        let members = self.members.iter().map(|(m, n)| (pid(*m).to_string(), n.to_string()));
        let greeting = Delivery::Greeting { members: members.collect(), page: self.page(0) };
        for member in newcomers {
            self.told.entry(*member).or_default().push(greeting.clone());
            self.away.remove(member);
        }
    }

    fn does(&mut self, operation: Operation) {
        match operation {
            Operation::Leave(member) => {
                self.members.remove(&member);
                self.tell_all(&Delivery::Left(pid(member).to_string()));
            }
            Operation::Lose(member) => {
                self.away.insert(member);
            }
            Operation::Say(member, text, _) if self.kept_max == 0 => {
                self.tell_all(&Delivery::Said((0, pid(member).to_string(), String::new(), text)));
            }
            Operation::SayUnstored(member, text) => {
                self.tell_all(&Delivery::Said((0, pid(member).to_string(), String::new(), text)));
            }
            Operation::Say(member, text, kept) => {
                if !kept.expect("the store has answered") {
                    return self.tell(member, Delivery::Refused(ErrorCode::Storage));
                }
                let id = self.log.len() as u64 + 1;
                let name = self.members[&member].to_string();
                let said = (id, pid(member).to_string(), name, text);
                self.log.push(said.clone());
                self.tell_all(&Delivery::Said(said));
            }
            Operation::Rename(member, name) => {
                self.members.insert(member, name.clone());
                self.tell_all(&Delivery::Renamed(pid(member).to_string(), name.to_string()));
            }
            Operation::Page(member, cursor) => self.tell(member, Delivery::Page(self.page(cursor))),
            Operation::Barrier(member) => self.tell(member, Delivery::BarrierReached),
            Operation::Join(..) | Operation::Return(..) => unreachable!("it comes"),
        }
    }

    fn tell(&mut self, member: MemberKey, told: Delivery) {
        self.told.get_mut(&member).unwrap().push(told);
    }

    fn tell_all(&mut self, told: &Delivery) {
        for member in self.members.keys().filter(|member| !self.away.contains(member)) {
            self.told.get_mut(member).unwrap().push(told.clone());
        }
    }
}
