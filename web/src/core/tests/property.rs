//! Property: after any interleaving of live frames, pages, disconnects, reloads and scrolling, the
//! rows match the log of a naive server, with gaps for missing ids, and the member list is the
//! same. The server keeps a history or none.

use proptest::prelude::*;
use xmeet_shared::MessageId;

use super::step::any_step;
use super::world::World;
use crate::room::outbox::Delivery;
use crate::room::{HistoryEdge, MessageRow, Row};

/// The limit of the log for messages without an id.
const UNSTORED_MESSAGES_MAX: usize = 400;

/// Checks that the rows are in order, match the server's log and have distinct keys.
pub(super) fn check_rows(world: &World) -> Result<(), TestCaseError> {
    let rows = world.room().rows(&mut |_| 0);
    let keys: std::collections::HashSet<_> = rows.iter().map(|(key, _)| *key).collect();
    prop_assert_eq!(keys.len(), rows.len(), "two rows have the same key");
    // The id that follows the last message or gap; `None` before the first.
    let mut next_id: Option<MessageId> = None;
    for (_, row) in rows {
        match row {
            Row::Message(MessageRow { message, .. }) => {
                let Some(id) = message.id else { continue };
                prop_assert!(
                    next_id.is_none_or(|next_id| next_id == id),
                    "expected {next_id:?}, found {id}"
                );
                let record = &world.log[usize::try_from(id).unwrap() - 1];
                prop_assert_eq!(&*message.text, record.payload.as_str());
                prop_assert_eq!(&message.from, &record.from);
                next_id = Some(id + 1);
            }
            Row::Gap(gap) => {
                prop_assert_eq!(next_id, Some(gap.first));
                next_id = Some(gap.last + 1);
            }
            Row::HistoryEdge(_) | Row::Day(_) | Row::Lines(_) | Row::Unread => {}
        }
    }
    let head = world.room().log().head();
    let ends_at_head = next_id.is_none_or(|next_id| next_id == head + 1);
    prop_assert!(ends_at_head, "the rows end before {next_id:?}, the newest message is {head}");
    Ok(())
}

/// Returns the texts of the rows without an id that are not pending.
fn unstored_rows(world: &World) -> Vec<String> {
    let unstored_text = |(_, row)| match row {
        Row::Message(MessageRow { message, delivery: None, .. }) if message.id.is_none() => {
            Some(message.text.to_string())
        }
        _ => None,
    };
    world.room().rows(&mut |_| 0).into_iter().filter_map(unstored_text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_gives_the_servers_log(
        message_count in 0usize..260,
        steps in prop::collection::vec(any_step(), 0..250),
    ) {
        let mut world = World::new(message_count);
        for step in &steps {
            world.step(step);
            check_rows(&world)?;
        }
        world.finish();
        check_rows(&world)?;

        // All messages that the server still has are loaded.
        prop_assert!(world.gaps().is_empty());
        let newest = world.log.len() as u64;
        prop_assert_eq!(world.room().log().head(), newest);
        prop_assert_eq!(world.room().log().newest().unwrap_or(0), newest);
        for id in world.oldest_kept..=newest {
            prop_assert!(world.room().log().get(id).is_some(), "{} is missing", id);
        }

        // The member lists are equal.
        let present: Vec<_> = world.members.iter().map(|(pid, _)| pid.clone()).collect();
        let shown: Vec<_> =
            world.room().people().iter().map(|person| person.pid.as_str().to_owned()).collect();
        prop_assert_eq!(shown, present);

        // Messages without an id are in the order of arrival.
        let mut delivered = world.delivered_unstored.iter();
        for text in unstored_rows(&world) {
            prop_assert!(delivered.any(|delivered| *delivered == text), "{} is out of order", text);
        }

        // Each typed text is stored once, or unconfirmed.
        let stored_count = world.own_count() + world.own_wiped_count - world.stored_twice_count;
        let pending_count = world.room().outbox().entries().count();
        prop_assert!(stored_count <= world.typed.len(), "a text was stored twice");
        prop_assert!(stored_count + pending_count >= world.typed.len(), "a text was lost");
        prop_assert!(world.room().next_to_send().is_none());
    }

    /// With a server without history, messages are shown as they arrive, no page is requested, and
    /// each own text is sent at most once.
    #[test]
    fn history_off_any_interleaving_shows_what_arrived_and_sends_once(
        steps in prop::collection::vec(any_step(), 0..250),
    ) {
        let mut world = World::without_history();
        for step in &steps {
            world.step(step);
            let shown = unstored_rows(&world);
            let arrived = &world.delivered_unstored;
            prop_assert!(arrived.ends_with(&shown));
            let is_limit_reached = shown.len() == UNSTORED_MESSAGES_MAX;
            prop_assert!(shown.len() == arrived.len() || is_limit_reached);
        }
        world.finish();
        check_rows(&world)?;
        prop_assert_eq!(world.page_requests, 0);
        prop_assert_eq!(world.room().history_edge(), Some(HistoryEdge::HistoryOff));
        let mut pending = world.room().outbox().entries();
        prop_assert!(pending.all(|entry| entry.delivery == Delivery::Unconfirmed));
        let sent_count = world.own_count();
        let pending_count = world.room().outbox().entries().count();
        prop_assert!(sent_count <= world.typed.len(), "a text was sent twice");
        prop_assert!(sent_count + pending_count >= world.typed.len(), "a text was lost");
    }
}
