//! The naive room: it does one thing after the other, and tells it.

use std::collections::{BTreeMap, BTreeSet};

use xmeet_shared::{ErrorCode, Nickname};

use super::{Line, MemberKey, StoredMessage, Told, line, pid};

/// What has a place in the naive room's order.
#[derive(Debug)]
pub(super) enum Deed {
    Join(MemberKey, Nickname),
    Leave(MemberKey),
    /// Says what is to be stored; whether the store kept it.
    Say(MemberKey, String, Option<bool>),
    /// Says what is not stored.
    SayUnstored(MemberKey, String),
    Rename(MemberKey, Nickname),
    Page(MemberKey, u64),
    Barrier(MemberKey),
    Lose(MemberKey),
    Return(MemberKey, Nickname),
}

/// Does one thing after the other, and tells it.
pub(super) fn naive(
    deeds: Vec<Deed>,
    stored: &[StoredMessage],
    kept_max: usize,
    groups: &[usize],
) -> BTreeMap<MemberKey, Vec<Told>> {
    let mut room = Naive {
        log: stored.iter().map(line).collect(),
        kept_max,
        told: BTreeMap::new(),
        members: BTreeMap::new(),
        away: BTreeSet::new(),
    };
    let mut groups = groups.iter().copied();
    // Came in and not greeted yet, and how many more come with them.
    let mut newcomers: Vec<MemberKey> = Vec::new();
    let mut expected = 0;
    for deed in deeds {
        match deed {
            Deed::Join(member, _) | Deed::Return(member, _) => {
                if expected == 0 {
                    expected = groups.next().expect("somebody was never greeted");
                }
                expected -= 1;
                room.comes(deed);
                newcomers.push(member);
                if expected == 0 {
                    room.greet(&newcomers);
                    newcomers.clear();
                }
            }
            deed => {
                assert_eq!(expected, 0, "greeted together, and {deed:?} stands between");
                room.does(deed);
            }
        }
    }
    room.told
}

struct Naive {
    log: Vec<Line>,
    kept_max: usize,
    told: BTreeMap<MemberKey, Vec<Told>>,
    members: BTreeMap<MemberKey, Nickname>,
    /// Members to whom nothing is sent.
    away: BTreeSet<MemberKey>,
}

impl Naive {
    fn page(&self, cursor: u64) -> Vec<Line> {
        let kept = &self.log[self.log.len().saturating_sub(self.kept_max)..];
        kept.rchunks(50).nth(usize::try_from(cursor).unwrap()).unwrap_or_default().to_vec()
    }

    fn comes(&mut self, deed: Deed) {
        match deed {
            Deed::Join(member, name) => {
                self.tell_all(&Told::Joined(pid(member).to_string(), name.to_string()));
                self.members.insert(member, name);
                self.away.insert(member);
            }
            Deed::Return(member, name) => {
                if self.members.insert(member, name.clone()).unwrap() != name {
                    self.tell_all(&Told::Renamed(pid(member).to_string(), name.to_string()));
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn greet(&mut self, newcomers: &[MemberKey]) {
        let members = self.members.iter().map(|(m, n)| (pid(*m).to_string(), n.to_string()));
        let greeting = Told::Greeting { members: members.collect(), page: self.page(0) };
        for member in newcomers {
            self.told.entry(*member).or_default().push(greeting.clone());
            self.away.remove(member);
        }
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Leave(member) => {
                self.members.remove(&member);
                self.tell_all(&Told::Left(pid(member).to_string()));
            }
            Deed::Lose(member) => {
                self.away.insert(member);
            }
            Deed::Say(member, text, _) if self.kept_max == 0 => {
                self.tell_all(&Told::Said((0, pid(member).to_string(), String::new(), text)));
            }
            Deed::SayUnstored(member, text) => {
                self.tell_all(&Told::Said((0, pid(member).to_string(), String::new(), text)));
            }
            Deed::Say(member, text, kept) => {
                if !kept.expect("the store has answered") {
                    return self.tell(member, Told::Refused(ErrorCode::Storage));
                }
                let id = self.log.len() as u64 + 1;
                let name = self.members[&member].to_string();
                let said = (id, pid(member).to_string(), name, text);
                self.log.push(said.clone());
                self.tell_all(&Told::Said(said));
            }
            Deed::Rename(member, name) => {
                self.members.insert(member, name.clone());
                self.tell_all(&Told::Renamed(pid(member).to_string(), name.to_string()));
            }
            Deed::Page(member, cursor) => self.tell(member, Told::Page(self.page(cursor))),
            Deed::Barrier(member) => self.tell(member, Told::BarrierReached),
            Deed::Join(..) | Deed::Return(..) => unreachable!("it comes"),
        }
    }

    fn tell(&mut self, member: MemberKey, told: Told) {
        self.told.get_mut(&member).unwrap().push(told);
    }

    fn tell_all(&mut self, told: &Told) {
        for member in self.members.keys().filter(|member| !self.away.contains(member)) {
            self.told.get_mut(member).unwrap().push(told.clone());
        }
    }
}
