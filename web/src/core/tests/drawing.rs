//! Tests of redraws, and of the row to which the list jumps.

use xmeet_shared::{ErrorCode, MessageId, Nickname, ServerMessage};

use super::client::Client;
use super::{CONNECTION_LOST, setup};
use crate::core::{Effect, Input, OLDEST, PageEffect, ReadMark, Redraw, Setup, StorageWrite};
use crate::room::tests::{frame, name, page, text_message};
use crate::room::{HistoryEdge, Row};

const NOTHING_BUT_STATUS: Redraw = Redraw { rows: false, people: false };

/// Handles an input and returns its redraws.
fn redraws(client: &mut Client, input: Input) -> Vec<Redraw> {
    let redraw_of = |effect| match effect {
        Effect::Page(PageEffect::Redraw(redraw)) => Some(redraw),
        _ => None,
    };
    client.core.handle(input, client.now).into_iter().filter_map(redraw_of).collect()
}

#[test]
fn page_is_redrawn_only_for_changed_rows_members_or_status() {
    let mut client = Client::greeted(setup());
    let join = frame("x", ServerMessage::Join(Nickname::new("x").unwrap())).encode();
    let joined = redraws(&mut client, Input::Frame(join));
    assert!(matches!(joined[..], [Redraw { people: true, .. }]), "{joined:?}");
    let text = frame("b", text_message(121, "x")).encode();
    assert!(matches!(redraws(&mut client, Input::Frame(text))[..], [Redraw { rows: true, .. }]));
    let tick = Input::Tick { buffered_bytes: 0 };
    redraws(&mut client, tick.clone());
    assert_eq!(redraws(&mut client, tick.clone()), [], "nothing has changed");
    // The status has the seconds of a pause.
    client.refuse(ErrorCode::RateLimited, Some(5_000));
    client.wait(1_000);
    assert_eq!(redraws(&mut client, tick.clone()), [NOTHING_BUT_STATUS]);
    assert_eq!(redraws(&mut client, tick), []);
}

#[test]
fn hiding_joins_and_leaves_is_persisted_and_changes_the_rows() {
    let mut client = Client::greeted(setup());
    client.receive("x", ServerMessage::Join(Nickname::new("x").unwrap()));
    let presence_rows = |client: &Client| {
        let rows = client.core.room().rows(&mut |_| 0);
        rows.iter().filter(|(_, row)| matches!(row, Row::Lines(_))).count()
    };
    assert_eq!(presence_rows(&client), 1);
    for (are_hidden, expected_rows) in [(true, 0), (false, 1)] {
        let effects = client.core.handle(Input::SetLinesHidden(are_hidden), client.now);
        let redraw = Redraw { rows: true, people: false };
        let expected = [
            Effect::Persist(StorageWrite::LinesHidden(are_hidden)),
            Effect::Page(PageEffect::Redraw(redraw)),
        ];
        assert_eq!(effects, expected);
        assert_eq!(presence_rows(&client), expected_rows);
    }
}

/// Returns the rows that are the goal of the list's jump.
fn goals(client: &Client) -> Vec<Row> {
    let rows = client.core.room().rows(&mut |_| 0);
    rows.into_iter().map(|(_, row)| row).filter(|row| client.core.is_goal(row)).collect()
}

/// Returns a client that jumps to a message, with an aiming list.
fn client_jumping_to(target: MessageId) -> Client {
    let mut client = Client::greeted(setup());
    client.input(Input::GoTo(target));
    client.input(Input::Draw { reader: None, is_aiming: true });
    client
}

#[test]
fn goal_of_a_jump_is_the_row_of_its_message() {
    let mut client = client_jumping_to(80);
    let [Row::Message(row)] = &goals(&client)[..] else { panic!("{:?}", goals(&client)) };
    assert_eq!(row.message.id, Some(80));
    client.input(Input::Draw { reader: None, is_aiming: false });
    assert_eq!(goals(&client), [], "the list does not jump any more");
}

#[test]
fn goal_of_a_jump_to_the_beginning_is_the_first_row() {
    let mut client = client_jumping_to(OLDEST);
    assert_eq!(goals(&client), []);
    client.receive("me", ServerMessage::History(page(1..=20)));
    let edges = goals(&client);
    let is_beginning = |row: &Row| matches!(row, Row::HistoryEdge(HistoryEdge::Beginning));
    assert!(edges.iter().any(is_beginning), "{edges:?}");
    assert_eq!(goals(&client_jumping_to(80)).len(), 1, "another goal is not the beginning");
}

#[test]
fn goal_of_a_page_that_opens_at_unread_messages_is_the_unread_marker() {
    let read_mark = Some(ReadMark { id: 100, epoch: Some("e".to_owned()) });
    let mut client = Client::new(Setup { read_mark, ..setup() });
    client.greet(page(71..=120));
    client.input(Input::Draw { reader: None, is_aiming: true });
    assert!(goals(&client).contains(&Row::Unread), "{:?}", goals(&client));
    client.input(Input::Drawn { has_goal: false });
    assert!(!goals(&client).contains(&Row::Unread), "the jump has ended");
}

#[test]
fn jump_continues_while_a_page_is_being_loaded() {
    let mut client = client_jumping_to(30);
    client.input(Input::Drawn { has_goal: false });
    assert!(!client.effects.contains(&Effect::Page(PageEffect::StopAiming)));
    client.input(Input::Closed { code: CONNECTION_LOST });
    client.input(Input::Drawn { has_goal: false });
    assert!(client.effects.contains(&Effect::Page(PageEffect::StopAiming)));
}

#[test]
fn changed_names_are_taken_once() {
    let mut client = Client::greeted(setup());
    client.core.take_changed_names();
    client.receive("b", ServerMessage::ChangeName(name("new")));
    let changed = client.core.take_changed_names();
    assert!(changed.contains("new") && changed.contains("nb"));
    assert_eq!(client.core.take_changed_names().group_count(), 0);
}

#[test]
fn client_is_connected_from_the_greeting_to_the_close() {
    let mut client = Client::new(setup());
    assert!(!client.core.is_connected(), "there is no greeting yet");
    client.greet(page(1..=2));
    assert!(client.core.is_connected());
    client.input(Input::Closed { code: CONNECTION_LOST });
    assert!(!client.core.is_connected());
}
