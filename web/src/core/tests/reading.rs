//! Property: a reader who scrolls through a long room sees each message once, although the list holds
//! only a part of them and new messages arrive.

use proptest::prelude::*;
use xmeet_shared::MessageId;

use super::property::check_rows;
use super::step::Step;
use super::world::World;
use crate::core::Input;
use crate::room::{HistoryEdge, Room, Row};

/// Returns the ids of the rows.
fn ids(room: &Room) -> Vec<MessageId> {
    let id = |(_, row)| match row {
        Row::Message(row) => row.message.id,
        _ => None,
    };
    room.rows(&mut |_| 0).into_iter().filter_map(id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn reader_who_scrolls_up_and_down_sees_each_message_once(
        messages in 1usize..500,
        text_counts in prop::collection::vec(0u8..20, 1..40),
    ) {
        let mut world = World::new(messages);
        let mut text_counts = text_counts.into_iter().cycle();
        world.connect();
        let mut seen = ids(world.room());
        // Up to the first message.
        while world.room().history_edge() != Some(HistoryEdge::Beginning) {
            world.step(&Step::LoadOlder);
            for n in 0..text_counts.next().unwrap_or(0) {
                world.step(&Step::Text(n));
            }
            world.run();
            let older: Vec<_> =
                ids(world.room()).into_iter().take_while(|id| *id < seen[0]).collect();
            prop_assert!(!older.is_empty());
            seen.splice(0..0, older);
            world.input(Input::Draw { reader: seen.first().copied(), is_aiming: false });
            check_rows(&world)?;
            prop_assert!(world.room().log().get(seen[0]).is_some(), "the message in view is held");
        }
        // Down to the newest message.
        let mut seen = ids(world.room());
        for _ in 0..100 {
            let Some(tail) = world.room().log().tail() else { break };
            world.input(Input::Load { target: *tail.start(), is_retry: false });
            for n in 0..text_counts.next().unwrap_or(0) {
                world.step(&Step::Text(n));
            }
            world.run();
            let last = seen[seen.len() - 1];
            seen.extend(ids(world.room()).into_iter().filter(|id| *id > last));
            world.input(Input::Draw { reader: seen.last().copied(), is_aiming: false });
            check_rows(&world)?;
        }
        let all: Vec<_> = (1..=world.log.len() as u64).collect();
        prop_assert_eq!(seen, all);
    }
}
