//! Property: a reader who scrolls through a long room sees each message once, although the list
//! holds only a part of them and new messages arrive.

use proptest::prelude::*;
use xmeet_shared::MessageId;

use super::property::check_rows;
use super::step::Step;
use super::world::World;
use crate::core::Input;
use crate::room::{HistoryEdge, Room, Row};

/// Returns the ids of the messages among the rows.
fn message_ids(room: &Room) -> Vec<MessageId> {
    let message_id = |(_, row)| match row {
        Row::Message(row) => row.message.id,
        _ => None,
    };
    room.rows(&mut |_| 0).into_iter().filter_map(message_id).collect()
}

/// Sends so many texts of another member, and delivers everything.
fn send_texts_and_run(world: &mut World, text_count: u8) {
    for n in 0..text_count {
        world.step(&Step::Text(n));
    }
    world.run();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn reader_who_scrolls_up_and_down_sees_each_message_once(
        message_count in 1usize..500,
        text_counts in prop::collection::vec(0u8..20, 1..40),
    ) {
        let mut world = World::new(message_count);
        // The numbers of texts that arrive after each request of a page.
        let mut text_counts = text_counts.into_iter().cycle();
        world.connect();

        // Up to the first message.
        let mut seen = message_ids(world.room());
        while world.room().history_edge() != Some(HistoryEdge::Beginning) {
            world.step(&Step::LoadOlder);
            send_texts_and_run(&mut world, text_counts.next().unwrap_or(0));
            let mut older = message_ids(world.room());
            older.retain(|id| *id < seen[0]);
            prop_assert!(!older.is_empty());
            seen.splice(0..0, older);
            world.input(Input::Draw { reader: seen.first().copied(), is_aiming: false });
            check_rows(&world)?;
            prop_assert!(world.room().log().get(seen[0]).is_some(), "the message in view is held");
        }

        // Down to the newest message. More than 100 pages would mean that the reader never arrives.
        let mut seen = message_ids(world.room());
        for _ in 0..100 {
            let Some(tail) = world.room().log().tail() else { break };
            world.input(Input::Load { target: *tail.start(), is_retry: false });
            send_texts_and_run(&mut world, text_counts.next().unwrap_or(0));
            let last = seen[seen.len() - 1];
            seen.extend(message_ids(world.room()).into_iter().filter(|id| *id > last));
            world.input(Input::Draw { reader: seen.last().copied(), is_aiming: false });
            check_rows(&world)?;
        }
        let all: Vec<_> = (1..=world.log.len() as u64).collect();
        prop_assert_eq!(seen, all);
    }
}
