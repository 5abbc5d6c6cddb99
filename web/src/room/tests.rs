//! Tests of the room model frame by frame: the rows, and the texts that the person sends.

use xmeet_shared::{
    Cursor, Envelope, ErrorCode, Member, MessageId, Nickname, Pid, Record, RoomId, SendTime,
    ServerMessage,
};

use super::log::LineKind;
use super::outbox::LocalId;
use super::*;

#[path = "tests_unread.rs"]
mod unread_marker;

/// The time of all frames and records, and the default time of this machine's clock.
pub(crate) const NOW: i64 = 1_700_000_000_000;

pub(crate) fn pid(name: &str) -> Pid {
    Pid::from_wire(name)
}

pub(crate) fn name(text: &str) -> Nickname {
    Nickname::new(text).unwrap()
}

pub(crate) fn frame(from: &str, message: ServerMessage) -> Envelope {
    Envelope {
        from: pid(from),
        xnest: RoomId::new("r").unwrap(),
        message,
        send_time: SendTime::from_wire(""),
        ts: Some(NOW),
    }
}

/// Returns a stored message by member `from`, whose nickname is `n` followed by the pid.
pub(crate) fn record(id: MessageId, from: &str, text: &str) -> Record {
    Record {
        from: pid(from),
        payload: text.into(),
        send_time: SendTime::from_wire(""),
        id: Some(id),
        ts: Some(NOW),
        nickname: Some(name(&format!("n{from}"))),
    }
}

/// Returns a member list. The nickname of each member is `n` followed by the pid.
pub(crate) fn members(pids: &[&str]) -> ServerMessage {
    let member_of = |text: &&str| Member { pid: pid(text), nickname: name(&format!("n{text}")) };
    ServerMessage::Members(pids.iter().map(member_of).collect())
}

/// Returns a live message that the server has stored as message `id`.
pub(crate) fn text_message(id: MessageId, text: &str) -> ServerMessage {
    ServerMessage::Normal { text: text.into(), id: Some(id), nickname: None }
}

/// Gives `room` a complete greeting: the own member id `me`, the members `pids`, and `page` as page
/// 0 of the history. Returns the changes by the last frame.
pub(crate) fn greet(room: &mut Room, me: &str, pids: &[&str], page: Vec<Record>) -> Changes {
    room.apply(
        frame(me, ServerMessage::SelfId { pid: pid(me), epoch: None, greeting_bytes: None }),
        NOW,
    );
    room.apply(frame(me, ServerMessage::MemberCount(pids.len() as u64)), NOW);
    room.apply(frame(me, members(pids)), NOW);
    room.apply(frame(me, ServerMessage::History(page)), NOW)
}

/// Returns a room with the members `b` and `me` (the own one), and with message 1 by `b`.
pub(crate) fn greeted_room() -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    let changes = greet(&mut room, "me", &["b", "me"], vec![record(1, "b", "one")]);
    assert!(changes.is_greeted);
    room
}

/// Returns the rows as short texts, without day headings. `+1:nb:one` is message 1 by the member
/// with nickname `nb`; `+` means that a heading precedes the message. `?:nme*:x Waiting` is a
/// pending message without an id; `*` marks own messages.
pub(crate) fn short_rows(room: &Room) -> Vec<String> {
    room.rows(&mut |_| 0)
        .into_iter()
        .filter_map(|(_, row)| match row {
            Row::Day(_) => None,
            Row::HistoryEdge(edge) => Some(format!("{edge:?}")),
            Row::Unread => Some("unread".to_owned()),
            Row::Gap(gap) => Some(format!("gap {}-{}", gap.first, gap.last)),
            Row::Lines(group) => {
                let lines = group.lines().iter().map(|line| match &line.kind {
                    LineKind::Join => format!("{} in", line.name),
                    LineKind::Leave => format!("{} out", line.name),
                    LineKind::Rename(new) => format!("{} now {new}", line.name),
                    LineKind::Missed => "missed".to_owned(),
                });
                Some(lines.collect::<Vec<_>>().join(", "))
            }
            Row::Message(MessageRow { message, is_head, is_own, delivery }) => {
                let id = message.id.map_or_else(|| "?".to_owned(), |id| id.to_string());
                let head = if is_head { "+" } else { "" };
                let own = if is_own { "*" } else { "" };
                let state = delivery.map(|delivery| format!(" {delivery:?}")).unwrap_or_default();
                Some(format!("{head}{id}:{}{own}:{}{state}", message.name, message.text))
            }
        })
        .collect()
}

/// Sends the next waiting text, and returns its outbox id. Panics if no text can be sent.
pub(crate) fn send_next(room: &mut Room) -> LocalId {
    let (local, _) = room.next_to_send().expect("a text can be sent");
    room.on_text_sent(local);
    local
}

#[test]
fn greeting_and_live_frames_give_the_rows_in_order() {
    let mut room = greeted_room();
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("c", text_message(2, "two")), NOW);
    room.apply(frame("c", text_message(3, "three")), NOW);
    room.apply(frame("c", ServerMessage::ChangeName(name("CC"))), NOW);
    room.apply(frame("c", text_message(4, "four")), NOW);
    room.apply(frame("b", ServerMessage::Leave), NOW);
    let expected = [
        "Beginning",
        "+1:nb:one",
        "C in",
        "+2:C:two",
        "3:C:three",
        "C now CC",
        "+4:CC:four",
        "nb out",
    ];
    assert_eq!(short_rows(&room), expected);
    let present: Vec<_> = room.people().iter().map(|person| &*person.name).collect();
    assert_eq!(present, ["nme", "CC"]);
}

#[test]
fn frames_of_an_unknown_member_change_no_members() {
    let mut room = greeted_room();
    for message in [ServerMessage::Leave, ServerMessage::ChangeName(name("x"))] {
        assert_eq!(room.apply(frame("ghost", message), NOW), Changes::default());
    }
    room.apply(frame("ghost", text_message(2, "boo")), NOW);
    assert_eq!(short_rows(&room).last().unwrap(), "+2:ghost:boo", "the pid is shown as the name");
}

#[test]
fn texts_are_sent_one_at_a_time_and_keep_their_rows() {
    let mut room = greeted_room();
    let first = room.queue_text("x", NOW);
    room.queue_text("x", NOW);
    assert_eq!(send_next(&mut room), first);
    assert!(room.next_to_send().is_none(), "one text is in flight");
    assert_eq!(short_rows(&room)[2..], ["+?:nme*:x Sending", "?:nme*:x Waiting"]);
    room.apply(frame("me", text_message(2, "x")), NOW);
    let keys: Vec<_> = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&RowKey::Local(first)), "the row has the same key");
    assert_eq!(short_rows(&room)[2..], ["+2:nme*:x", "?:nme*:x Waiting"]);
}

#[test]
fn texts_typed_offline_wait_for_the_greeting() {
    let mut room = Room::new(Vec::new(), Vec::new());
    room.queue_text("a", NOW);
    assert!(room.next_to_send().is_none());
    greet(&mut room, "me", &["me"], vec![]);
    send_next(&mut room);
    room.on_disconnected();
    room.queue_text("b", NOW);
    assert!(room.next_to_send().is_none());
    // The server has text a, under the earlier pid.
    greet(&mut room, "me2", &["me2"], vec![record(1, "me", "a")]);
    assert_eq!(short_rows(&room), ["Beginning", "+1:nme*:a", "+?:nme2*:b Waiting"]);
    assert_eq!(&*room.next_to_send().unwrap().1, "b");
}

#[test]
fn text_that_may_be_lost_is_unconfirmed_and_never_resent_automatically() {
    let mut room = greeted_room();
    let local = room.queue_text("a", NOW);
    send_next(&mut room);
    room.on_disconnected();
    // The same text of another member does not confirm the own one.
    let page = vec![record(1, "b", "one"), record(2, "b", "a")];
    greet(&mut room, "me2", &["b", "me2"], page);
    assert_eq!(short_rows(&room).last().unwrap(), "+?:nme2*:a Unconfirmed");
    assert!(room.next_to_send().is_none());
    // A later page has the text.
    room.apply(frame("b", ServerMessage::History(vec![record(3, "me", "a")])), NOW);
    assert_eq!(short_rows(&room).last().unwrap(), "+3:nme*:a");
    assert!(room.outbox().entries().next().is_none());
    room.send_again(local);
    assert!(room.next_to_send().is_none());
}

#[test]
fn unconfirmed_text_is_resent_or_taken_back_by_the_person() {
    let mut room = greeted_room();
    let (first, second) = (room.queue_text("a", NOW), room.queue_text("b", NOW));
    send_next(&mut room);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], vec![record(1, "b", "one")]);
    assert_eq!(send_next(&mut room), second, "the waiting text is sent");
    room.apply(frame("me2", text_message(2, "b")), NOW);
    room.send_again(first);
    assert_eq!(send_next(&mut room), first);
    room.on_disconnected();
    greet(&mut room, "me3", &["me3"], vec![record(2, "me2", "b")]);
    assert_eq!(room.take_back(first).as_deref(), Some("a"));
    assert!(room.outbox().entries().next().is_none());
}

#[test]
fn text_in_flight_cannot_be_taken_back() {
    let mut room = greeted_room();
    let local = room.queue_text("a", NOW);
    send_next(&mut room);
    assert_eq!(room.take_back(local), None, "the server may have the text");
    assert_eq!(room.outbox().entries().count(), 1);
    let waiting = room.queue_text("b", NOW);
    assert_eq!(room.take_back(waiting).as_deref(), Some("b"));
}

#[test]
fn outbox_survives_a_reload() {
    let mut room = greeted_room();
    room.queue_text("sent", NOW);
    room.queue_text("waits", NOW);
    send_next(&mut room);
    let lines: Vec<_> = room.outbox().saved().iter().map(SavedEntry::to_line).collect();
    let saved = || lines.iter().map(|line| SavedEntry::from_line(line).unwrap()).collect();
    let pids = room.own_pids().to_vec();

    // The server has the sent text.
    let mut room = Room::new(saved(), pids.clone());
    greet(&mut room, "me2", &["me2"], vec![record(1, "b", "one"), record(2, "me", "sent")]);
    assert_eq!(short_rows(&room).last().unwrap(), "+?:nme2*:waits Waiting");

    // The server does not have the sent text.
    let mut room = Room::new(saved(), pids);
    greet(&mut room, "me2", &["me2"], vec![record(1, "b", "one")]);
    assert_eq!(short_rows(&room)[2..], ["+?:nme2*:sent Unconfirmed", "?:nme2*:waits Waiting"]);
}

/// Returns an `error` frame that asks the client to wait for two seconds.
pub(crate) fn error(code: ErrorCode) -> ServerMessage {
    ServerMessage::Error { words: "no".into(), code: Some(code), retry_after_ms: Some(2000) }
}

/// Returns messages by `b` as a history page. A full page of the server has 50 messages.
pub(crate) fn page(ids: std::ops::RangeInclusive<MessageId>) -> Vec<Record> {
    ids.map(|id| record(id, "b", &format!("t{id}"))).collect()
}

pub(crate) fn history(ids: std::ops::RangeInclusive<MessageId>) -> Envelope {
    frame("me", ServerMessage::History(page(ids)))
}

#[test]
fn older_pages_are_loaded_one_at_a_time_until_the_beginning() {
    // Page 0 has messages 71 to 120, page 1 has 21 to 70, and page 2 has 1 to 20.
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(71..=120));
    assert_eq!(short_rows(&room)[0], "More");
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    assert_eq!(room.load_older(false), None, "one page is wanted");
    assert_eq!(short_rows(&room)[0], "Loading");
    room.apply(history(21..=70), NOW);
    assert_eq!(room.load_older(false), Some(Cursor(2)));
    room.apply(history(1..=20), NOW);
    assert_eq!(short_rows(&room)[0], "Beginning");
    assert_eq!(room.load_older(true), None);
}

#[test]
fn page_that_new_messages_shifted_is_requested_again() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["b", "me"], page(71..=120));
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    for id in 121..=175 {
        room.apply(frame("b", text_message(id, &format!("t{id}"))), NOW);
    }
    // Page 1 now has messages 76 to 125, which are all held.
    let changes = room.apply(history(76..=125), NOW);
    assert_eq!(changes.request, Some(Cursor(2)));
    assert_eq!(room.apply(history(26..=75), NOW).request, None);
    assert_eq!(room.log().oldest(), Some(26));
}

#[test]
fn list_cut_by_retention_shows_that_older_messages_are_gone() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(101..=150));
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    room.apply(frame("me", ServerMessage::History(vec![])), NOW);
    assert_eq!(short_rows(&room)[0], "Gone");
    // A page that is not full ends with the oldest message that the server has.
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(130..=150));
    assert_eq!(short_rows(&room)[0], "Gone");
}

#[test]
fn failed_page_is_shown_and_retried_only_by_the_person() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(71..=120));
    room.load_older(false);
    let number = room.request_number();
    assert!(!room.on_page_timeout(number + 1), "a timeout of another request has no effect");
    assert!(room.on_page_timeout(number));
    assert_eq!(short_rows(&room)[0], "Failed");
    assert_eq!(room.load_older(false), None);
    assert_eq!(room.load_older(true), Some(Cursor(1)));
    room.apply(frame("me", error(ErrorCode::BadCursor)), NOW);
    assert_eq!(short_rows(&room)[0], "Failed");
}

#[test]
fn gap_shows_its_ids_and_is_filled_from_both_sides() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(1..=10));
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(151..=200));
    let rows = short_rows(&room);
    assert!(rows.contains(&"gap 11-150".to_owned()), "{rows:?}");
    assert_eq!(rows[0], "Beginning");
    assert_eq!(room.load(150, false), Some(Cursor(1)));
    room.apply(history(101..=150), NOW);
    assert_eq!(room.load(11, false), Some(Cursor(3)));
    room.apply(history(1..=50), NOW);
    assert!(short_rows(&room).contains(&"gap 51-100".to_owned()));
    assert_eq!(room.load(100, false), Some(Cursor(2)));
    room.apply(history(51..=100), NOW);
    assert!(!short_rows(&room).iter().any(|row| row.starts_with("gap")));
}

#[test]
fn greeting_of_a_wiped_store_replaces_the_log() {
    let other_texts = vec![record(1, "z", "another"), record(2, "z", "y")];
    for (old_page, new_page) in
        [(page(71..=120), vec![]), (page(71..=120), page(1..=3)), (page(1..=2), other_texts)]
    {
        let mut room = Room::new(Vec::new(), Vec::new());
        greet(&mut room, "me", &["me"], old_page);
        room.on_disconnected();
        greet(&mut room, "me2", &["me2"], new_page.clone());
        assert_eq!(room.log().newest(), new_page.last().and_then(|record| record.id));
        let first_text = room.log().get(1).map(|message| message.text.to_string());
        assert_eq!(first_text, new_page.first().map(|record| record.payload.clone()));
    }
}

#[test]
fn answer_to_a_probe_changes_nothing() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(71..=120));
    room.on_probe_sent();
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    // The first page that arrives answers the probe.
    let changes = room.apply(history(71..=120), NOW);
    assert_eq!(changes.request, None, "the page is still wanted");
    room.apply(history(21..=70), NOW);
    assert_eq!(room.log().oldest(), Some(21));
}

#[test]
fn new_day_adds_a_heading_and_ends_the_group() {
    let mut room = greeted_room();
    let mut late = frame("b", text_message(2, "late"));
    late.ts = Some(NOW + 60_000);
    room.apply(late, NOW);
    let mut later = frame("b", text_message(3, "later"));
    later.ts = Some(NOW + 8 * 60_000);
    room.apply(later, NOW);
    assert_eq!(short_rows(&room)[1..], ["+1:nb:one", "2:nb:late", "+3:nb:later"]);
    // This time zone has midnight between the first two messages, which are a minute apart.
    let minutes_per_day = 24 * 60;
    let minute_of_day = NOW / 60_000 % minutes_per_day;
    let offset_minutes = i32::try_from(minutes_per_day - minute_of_day - 1).unwrap();
    let rows = room.rows(&mut |_| offset_minutes);
    let day_count = rows.iter().filter(|(_, row)| matches!(row, Row::Day(_))).count();
    assert_eq!(day_count, 2);
}
