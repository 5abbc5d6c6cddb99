//! Any interleaving of live events, pages, losses, returns, reloads and readers that move gives a
//! part of the true log: each id once, in order, with what was said, gaps where ids are missing, and
//! all of it for a reader who reads on; and the true member list. Against a naive server kept beside
//! it, which keeps a history or does not.

use proptest::prelude::*;
use xmeet_shared::MessageId;

use super::world::{Step, World};
use crate::room::outbox::Delivery;
use crate::room::{HistoryEdge, MessageRow, Row};

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Speak),
        2 => any::<u8>().prop_map(Step::SpeakUnkept),
        1 => any::<u8>().prop_map(Step::Toggle),
        1 => any::<u8>().prop_map(Step::Rename),
        2 => any::<u8>().prop_map(Step::Type),
        8 => Just(Step::Serve),
        2 => Just(Step::PutOff),
        2 => Just(Step::Wake),
        1 => Just(Step::TimeOut),
        12 => Just(Step::Arrive),
        4 => Just(Step::LoadOlder),
        2 => Just(Step::LoadGap),
        1 => Just(Step::Lose),
        2 => Just(Step::Return),
        1 => Just(Step::Reload),
        1 => any::<u8>().prop_map(Step::Trim),
        4 => any::<Option<u8>>().prop_map(Step::Read),
        2 => Just(Step::Jump),
        1 => Just(Step::Burst),
        1 => Just(Step::Wipe),
    ]
}

/// Rows are in order, each id stands once, says what was said, and names are not doubled.
pub(super) fn check_rows(world: &World) -> Result<(), TestCaseError> {
    let rows = world.room().rows(&mut |_| 0);
    let keys: std::collections::HashSet<_> = rows.iter().map(|(key, _)| *key).collect();
    prop_assert_eq!(keys.len(), rows.len(), "two rows of one name");
    let mut next: Option<MessageId> = None;
    for (_, row) in rows {
        match row {
            Row::Message(MessageRow { message, .. }) => {
                let Some(id) = message.id else { continue };
                prop_assert!(next.is_none_or(|next| next == id), "{id} after {next:?}");
                let truth = &world.log[usize::try_from(id).unwrap() - 1];
                prop_assert_eq!(&*message.text, truth.payload.as_str());
                prop_assert_eq!(&message.from, &truth.from);
                next = Some(id + 1);
            }
            Row::Gap(gap) => {
                prop_assert_eq!(next, Some(gap.first));
                next = Some(gap.last + 1);
            }
            Row::HistoryEdge(_) | Row::Day(_) | Row::Lines(_) | Row::Unread => {}
        }
    }
    let heard = world.room().log().head();
    prop_assert!(next.is_none_or(|next| next == heard + 1), "{next:?} after {heard}");
    Ok(())
}

/// The texts of the rows without an id that are no longer pending.
fn unstored_rows(world: &World) -> Vec<String> {
    let text = |(_, row)| match row {
        Row::Message(MessageRow { message, delivery: None, .. }) if message.id.is_none() => {
            Some(message.text.to_string())
        }
        _ => None,
    };
    world.room().rows(&mut |_| 0).into_iter().filter_map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_gives_the_true_log(
        messages in 0usize..260,
        steps in prop::collection::vec(any_step(), 0..250),
    ) {
        let mut world = World::new(messages);
        for step in &steps {
            world.step(step);
            check_rows(&world)?;
        }
        world.finish();
        check_rows(&world)?;
        prop_assert!(world.gaps().is_empty());
        let newest = world.log.len() as u64;
        prop_assert_eq!(world.room().log().head(), newest);
        prop_assert_eq!(world.room().log().newest().unwrap_or(0), newest);
        for id in world.kept_from..=newest {
            prop_assert!(world.room().log().get(id).is_some(), "{} is missing", id);
        }
        let present: Vec<_> = world.others.iter().map(|(pid, _)| pid.clone()).collect();
        let shown: Vec<_> =
            world.room().people().iter().map(|person| person.pid.as_str().to_owned()).collect();
        prop_assert_eq!(shown, present);
        // What the server does not keep stands in the order of its arrival.
        let mut arrived = world.arrived_unstored.iter();
        for text in unstored_rows(&world) {
            prop_assert!(arrived.any(|arrived| *arrived == text), "{} is out of order", text);
        }
        // What was typed is in the log, in its order, or still here for the person to decide about.
        let kept = world.ours() + world.wiped - world.said_again;
        let here = world.room().outbox().entries().count();
        prop_assert!(kept <= world.typed.len(), "something was said twice");
        prop_assert!(kept + here >= world.typed.len(), "something typed was lost");
        prop_assert!(world.room().next_to_send().is_none());
    }

    /// A server that keeps nothing: what arrives is shown as it arrives, no page is ever asked for,
    /// and each text of ours is sent once at most.
    #[test]
    fn history_off_any_interleaving_shows_what_arrived_and_sends_once(
        steps in prop::collection::vec(any_step(), 0..250),
    ) {
        let mut world = World::of(0, false);
        for step in &steps {
            world.step(step);
            let shown = unstored_rows(&world);
            let arrived = &world.arrived_unstored;
            prop_assert!(arrived.ends_with(&shown));
            prop_assert!(shown.len() == arrived.len() || shown.len() == 400);
        }
        world.finish();
        check_rows(&world)?;
        prop_assert_eq!(world.pages_asked, 0);
        prop_assert_eq!(world.room().history_edge(), Some(HistoryEdge::HistoryOff));
        let here: Vec<_> = world.room().outbox().entries().map(|entry| entry.delivery).collect();
        let said = world.ours();
        prop_assert!(said <= world.typed.len(), "something was said twice");
        prop_assert!(said + here.len() >= world.typed.len(), "something typed was lost");
        prop_assert!(here.iter().all(|delivery| *delivery == Delivery::Unconfirmed));
    }
}
