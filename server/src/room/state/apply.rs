//! Applies inputs in their order: changes members, and greets newcomers.

use std::mem;

use xmeet_shared::{Cursor, Member, Nickname, Pid, ServerMessage, UnixMillis};

use super::{Room, broadcast};
use crate::room::interface::{Action, Effect, Snapshot};
use crate::room::pending::Pending;
use crate::room::roster::MemberKey;

impl Room {
    pub(super) fn apply(&mut self, input: Pending, effects: &mut Vec<Effect>) {
        match input {
            Pending::Action { member, action, ts } => self.act(member, action, ts, effects),
            // The store does not get this message.
            Pending::Message { message, .. } => self.broadcast_message(&message, None, effects),
        }
    }

    fn act(
        &mut self,
        member: MemberKey,
        action: Action,
        ts: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        // A newcomer must not miss an event behind its join, so only newcomers who joined one
        // directly after the other are greeted together.
        if !matches!(action, Action::Join { .. } | Action::Resume { .. }) {
            self.greet(effects);
        }
        match action {
            Action::Join { pid, nickname } => {
                effects.push(broadcast(&pid, ServerMessage::Join(nickname.clone()), ts));
                self.roster.add(member, Member { pid: pid.clone(), nickname });
                self.add_newcomer(member, pid, ts);
            }
            Action::Resume { nickname } => self.resume(member, nickname, ts, effects),
            Action::ConnectionLost => effects.push(Effect::Detach { member }),
            Action::Leave => {
                if let Some(pid) = self.roster.remove(member) {
                    effects.push(Effect::Detach { member });
                    effects.push(broadcast(&pid, ServerMessage::Leave, ts));
                }
            }
            Action::ChangeName { nickname } => self.rename(member, nickname, ts, effects),
            Action::RequestPage { cursor } => self.page(member, cursor, effects),
            Action::Barrier => effects.push(Effect::BarrierReached { member }),
            Action::Finish => effects.push(Effect::Finish { member }),
        }
    }

    fn rename(
        &mut self,
        member: MemberKey,
        nickname: Nickname,
        ts: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(pid) = self.roster.rename(member, nickname.clone()) {
            effects.push(broadcast(&pid, ServerMessage::ChangeName(nickname), ts));
        }
    }

    fn resume(
        &mut self,
        member: MemberKey,
        nickname: Nickname,
        ts: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(present) = self.roster.get(member).cloned() else { return };
        if present.nickname != nickname {
            self.rename(member, nickname, ts, effects);
        }
        self.add_newcomer(member, present.pid, ts);
    }

    fn add_newcomer(&mut self, member: MemberKey, pid: Pid, ts: UnixMillis) {
        self.newcomers.push((member, pid));
        self.newcomers_ts = ts;
    }

    pub(super) fn greet(&mut self, effects: &mut Vec<Effect>) {
        if self.newcomers.is_empty() {
            return;
        }
        self.expire();
        let snapshot = Snapshot {
            roster: self.roster.clone(),
            absent: self.tail.absent(),
            tail: self.tail.messages(),
            ts: self.newcomers_ts,
        };
        effects.push(Effect::Greet { members: mem::take(&mut self.newcomers), snapshot });
    }

    fn page(&mut self, member: MemberKey, cursor: Cursor, effects: &mut Vec<Effect>) {
        let Some(pid) = self.roster.pid(member).cloned() else { return };
        self.expire();
        effects.push(match cursor.ids(&self.kept) {
            None => Effect::Page { member, pid, messages: Vec::new() },
            Some(_) if cursor == Cursor(0) && self.tail.absent().is_none() => {
                Effect::Page { member, pid, messages: self.tail.messages() }
            }
            Some(ids) => Effect::ReadPage { member, pid, ids },
        });
    }
}
