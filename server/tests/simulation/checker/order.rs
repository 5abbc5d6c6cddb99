//! Checks that all members of a room receive events in one order. Each member's events must be a part of
//! that order without a gap, so all members must agree on the successor of each event and on the members
//! before it.

use std::collections::{BTreeMap, BTreeSet};

use xmeet_shared::{Pid, ServerMessage};

use super::view::View;

/// An event for all members. Events of a room are unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Join(Pid),
    Leave(Pid),
    Rename(Pid, String),
    Normal(u64),
}

type Members = Vec<(Pid, String)>;

/// The order according to the members read so far.
#[derive(Debug, Default)]
struct Order {
    next: BTreeMap<Event, Event>,
    previous: BTreeMap<Event, Event>,
    /// The members and the newest id.
    before: BTreeMap<Event, (Members, u64)>,
    /// The step at which the first member received the event.
    told_at_step: BTreeMap<Event, u64>,
}

pub(super) fn check(views: &[View<'_>]) -> Result<(), String> {
    let mut order = Order::default();
    let (mut present, mut lists) = (BTreeSet::new(), Vec::new());
    for view in views {
        let place = |fault| format!("connection {}: {fault}", view.number);
        let at_end = order.read(view).map_err(place)?;
        if view.settled_events().is_some() {
            present.insert(view.pid);
            lists.push((view.number, at_end));
        }
    }
    order.has_no_circle()?;
    for view in views {
        let left = order.told_at_step.get(&Event::Leave(view.pid.clone()));
        if left.is_some_and(|step| *step < view.greeted.step) {
            return Err(format!("{} was told to have left, and is greeted again", view.pid));
        }
        if view.is_first {
            order.greets_at_the_join(view)?;
        }
    }
    for (number, list) in &lists {
        let listed: BTreeSet<_> = list.iter().map(|(pid, _)| pid).collect();
        if listed != present {
            return Err(format!("at the end connection {number} sees {listed:?}, not {present:?}"));
        }
        if list != &lists[0].1 {
            return Err(format!("at the end connection {number} sees another list than others"));
        }
    }
    Ok(())
}

impl Order {
    /// Reads a member's events. Returns the members when the run was quiet, or at the end of the events.
    fn read(&mut self, view: &View<'_>) -> Result<Members, String> {
        let mut members = view.members.clone();
        let settled = view.settled_events().map_or(view.events.len(), <[_]>::len);
        let (mut at_end, mut newest) = (members.clone(), view.newest());
        let mut latest: Option<Event> = None;
        let mut seen = BTreeSet::new();
        for (number, received) in view.events.iter().enumerate() {
            let from = received.from.clone();
            let event = match &received.message {
                ServerMessage::Join(_) => Event::Join(from),
                ServerMessage::Leave => Event::Leave(from),
                ServerMessage::ChangeName(name) => Event::Rename(from, name.to_string()),
                ServerMessage::Normal { id, .. } => Event::Normal(id.ok_or("no id")?),
                _ => continue,
            };
            if !seen.insert(event.clone()) {
                return Err(format!("{event:?} comes twice"));
            }
            let here = (members.clone(), newest);
            let before = self.before.entry(event.clone()).or_insert_with(|| here.clone());
            if *before != here {
                return Err(format!("before {event:?} there is {here:?}, or {before:?}"));
            }
            if let Event::Normal(id) = event {
                newest = id;
            }
            let told = self.told_at_step.entry(event.clone()).or_insert(received.written.step);
            *told = received.written.step.min(*told);
            if let Some(latest) = latest.replace(event.clone()) {
                self.link(&latest, &event)?;
            }
            apply(&mut members, &received.from, &received.message, view.pid)?;
            if number < settled {
                at_end.clone_from(&members);
            }
        }
        Ok(at_end)
    }

    fn link(&mut self, event: &Event, next: &Event) -> Result<(), String> {
        let known = self.next.entry(event.clone()).or_insert_with(|| next.clone());
        if known != next {
            return Err(format!("behind {event:?} comes {next:?}, or {known:?}"));
        }
        let known = self.previous.entry(next.clone()).or_insert_with(|| event.clone());
        if known != event {
            return Err(format!("before {next:?} comes {event:?}, or {known:?}"));
        }
        Ok(())
    }

    /// Checks that a newcomer's greeting ends where other members receive its join.
    fn greets_at_the_join(&self, view: &View<'_>) -> Result<(), String> {
        match self.before.get(&Event::Join(view.pid.clone())) {
            Some((_, newest)) if *newest != view.newest() => {
                let greeted = view.newest();
                Err(format!("{} joins behind id {newest}, greeted up to {greeted}", view.pid))
            }
            _ => Ok(()),
        }
    }

    fn has_no_circle(&self) -> Result<(), String> {
        let heads = self.next.keys().filter(|event| !self.previous.contains_key(event));
        let mut reached = 0;
        for head in heads {
            let mut event = head;
            while let Some(next) = self.next.get(event) {
                (event, reached) = (next, reached + 1);
            }
        }
        if reached == self.next.len() { Ok(()) } else { Err("the order is a circle".to_owned()) }
    }
}

/// Applies an event to a member list.
fn apply(
    members: &mut Members,
    from: &Pid,
    message: &ServerMessage,
    own: &Pid,
) -> Result<(), String> {
    let at = members.iter().position(|(pid, _)| pid == from);
    match (message, at) {
        (ServerMessage::Join(_), Some(_)) => return Err(format!("{from} joins again")),
        (ServerMessage::Join(name), None) => members.push((from.clone(), name.to_string())),
        (ServerMessage::Leave, Some(_)) if from == own => {
            return Err("its own leave".to_owned());
        }
        (ServerMessage::Leave, Some(at)) => drop(members.remove(at)),
        (ServerMessage::ChangeName(name), Some(at)) => members[at].1 = name.to_string(),
        (_, Some(_)) => {}
        (_, None) => return Err(format!("{} from {from}, who is unknown", message.kind())),
    }
    Ok(())
}
