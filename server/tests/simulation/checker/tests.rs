//! Goal: the checker finds each kind of fault. Method: each test adds one fault to a small faultless run.

use xmeet_shared::{Civil, ErrorCode, Member, Nickname, Pid, Record, SendTime, ServerMessage};

use super::check;
use crate::journal::{
    Command, End, HungUp, Journal, KeptRecord, Received, RoomRecord, Run, Sent, Terms,
};
use crate::timeline::Moment;

const ROOM: &str = "room";

fn at(step: u64) -> Moment {
    Moment { ms: step, step }
}

fn pid(serial: u64) -> Pid {
    Pid::new(0, serial, 1)
}

fn name(text: &str) -> Nickname {
    Nickname::new(text).unwrap()
}

fn record(id: u64, from: u64, text: &str) -> Record {
    let civil = Civil { year: 2027, month: 1, day: 15, hour: 8, minute: 0, second: 0 };
    let send_time = SendTime::date(civil);
    let payload = text.to_owned();
    Record { from: pid(from), payload, send_time, id: Some(id), ts: None, nickname: None }
}

fn normal(id: u64, text: &str) -> ServerMessage {
    ServerMessage::Normal { text: text.to_owned(), id: Some(id), nickname: None }
}

fn error(code: ErrorCode) -> ServerMessage {
    ServerMessage::Error { words: "w".to_owned(), code: Some(code), retry_after_ms: None }
}

fn received(step: u64, from: u64, message: ServerMessage) -> Received {
    let written = at(step);
    let (taken, dated_ms) = (written, written.ms);
    Received { written, is_prompt: true, taken, dated_ms, from: pid(from), message }
}

fn greeting(step: u64, own: u64, members: &[(u64, &str)], page: Vec<Record>) -> Vec<Received> {
    let count = members.len() as u64;
    let members = members
        .iter()
        .map(|(serial, nickname)| Member { pid: pid(*serial), nickname: name(nickname) });
    let epoch = Some("e".to_owned());
    [
        ServerMessage::SelfId { pid: pid(own), epoch, greeting_bytes: None },
        ServerMessage::MemberCount(count),
        ServerMessage::Members(members.collect()),
        ServerMessage::History(page),
    ]
    .map(|message| received(step, own, message))
    .into()
}

fn sent(step: u64, what: Command) -> Sent {
    Sent { what, arrived: Some(at(step)) }
}

fn say(step: u64, text: &str) -> Sent {
    sent(step, Command::Say(text.to_owned()))
}

fn journal(token: &str, opened: u64, sent: Vec<Sent>, received: Vec<Received>) -> Journal {
    Journal {
        room: ROOM.to_owned(),
        token: Some(token.to_owned()),
        opened: at(opened),
        sent,
        received,
        hung_up: None,
        end: End::Closed(Some(1000)),
        has_stalled: false,
        was_full: false,
        settled: None,
        garbage: None,
    }
}

/// Creates a run of three connections. `a` talks and receives everything. `b` joins and is taken over by
/// `c`, which has another name. The store keeps two messages and refuses one.
fn good() -> Run {
    let kept = |text: &str, step| KeptRecord {
        from: pid(1),
        text: text.to_owned(),
        kept: at(step),
        answered: Some(at(step + 1)),
    };
    let handed = [("one", Some(1)), ("no", None), ("two", Some(2))];
    let record_of_room = RoomRecord {
        log: vec![kept("one", 10), kept("two", 30)],
        handed: handed.map(|(text, id)| (text.to_owned(), id)).into(),
        ..RoomRecord::default()
    };
    let goodbye = |step| sent(step, Command::Goodbye(Some(1000)));
    let mut a = journal(
        "a",
        1,
        vec![say(5, "one"), say(12, "no"), say(13, "two"), goodbye(90)],
        greeting(2, 1, &[(1, "a")], vec![]),
    );
    let on_line = |step, from, message| Received {
        written: Moment { ms: step, step: step + 100 },
        ..received(step, from, message)
    };
    let told_all = [
        on_line(11, 1, normal(1, "one")),
        on_line(20, 2, ServerMessage::Join(name("b"))),
        on_line(25, 1, error(ErrorCode::Storage)),
        on_line(31, 1, normal(2, "two")),
        on_line(40, 2, ServerMessage::ChangeName(name("c"))),
    ];
    a.received.extend(told_all.clone());
    a.settled = Some(a.received.len());
    let greeted = greeting(121, 2, &[(1, "a"), (2, "b")], vec![record(1, 1, "one")]);
    let mut b = journal("b", 19, vec![], greeted);
    b.received.push(told_all[3].clone());
    b.end = End::Closed(Some(4001));
    let page = vec![record(1, 1, "one"), record(2, 1, "two")];
    let greeted = greeting(140, 2, &[(1, "a"), (2, "c")], page);
    let mut c = journal("b", 39, vec![goodbye(300)], greeted);
    c.settled = Some(c.received.len());
    // Steps increase faster than milliseconds. `a` is the last to receive an event.
    for received in b.received[..4].iter_mut().chain(&mut c.received[..4]) {
        received.written.ms = received.written.step - 100;
        received.dated_ms = received.written.ms;
    }
    let terms = Terms { kept_max: 100, grace_ms: 50, held_text_bytes_max: 1000, slack_ms: 5 };
    Run { terms, rooms: [(ROOM.to_owned(), record_of_room)].into(), journals: vec![a, b, c] }
}

/// Returns the fault that the checker finds in the changed run.
fn fault(breaks: impl FnOnce(&mut Run)) -> String {
    let mut run = good();
    breaks(&mut run);
    for journal in &mut run.journals {
        journal.settled = journal.settled.map(|settled| settled.min(journal.received.len()));
    }
    check(&run).expect_err("the fault is not noticed")
}

#[test]
fn faultless_run_passes_and_is_counted() {
    let tally = check(&good()).unwrap();
    assert_eq!((tally.connections, tally.kept, tally.refused), (3, 2, 1));
    assert_eq!((tally.resumed, tally.taken_over), (1, 1));
}

#[test]
fn missing_duplicate_and_reordered_events_are_found() {
    fault(|run| drop(run.journals[0].received.remove(4)));
    fault(|run| drop(run.journals[0].received.remove(5)));
    fault(|run| drop(run.journals[0].received.remove(8)));
    fault(|run| run.journals[0].received.swap(4, 5));
    fault(|run| {
        let again = run.journals[0].received[5].clone();
        run.journals[0].received.insert(6, again);
    });
    let unlike = fault(|run| {
        let renamed = received(125, 1, ServerMessage::ChangeName(name("x")));
        run.journals[1].received.insert(4, renamed);
    });
    assert!(unlike.contains("before") || unlike.contains("behind"), "{unlike}");
}

#[test]
fn event_of_an_unknown_member_is_found() {
    let words = fault(|run| run.journals[0].received[8].from = pid(7));
    assert!(words.contains("unknown"), "{words}");
}

#[test]
fn greeting_that_is_out_of_order_or_wrong_is_found() {
    fault(|run| run.journals[0].received.swap(0, 1));
    fault(|run| run.journals[2].received[3].message = ServerMessage::History(vec![]));
    fault(|run| run.journals[2].received[1].message = ServerMessage::MemberCount(3));
    fault(|run| {
        let members = [Member { pid: pid(2), nickname: name("c") }];
        run.journals[2].received[2].message = ServerMessage::Members(members.into());
        run.journals[2].received[1].message = ServerMessage::MemberCount(1);
    });
}

#[test]
fn delivery_of_an_unstored_message_is_found() {
    let early = fault(|run| run.rooms.get_mut(ROOM).unwrap().log[0].kept = at(112));
    assert!(early.contains("before it is kept"), "{early}");
    fault(|run| run.rooms.get_mut(ROOM).unwrap().log[0].text = "another".to_owned());
    fault(|run| drop(run.rooms.get_mut(ROOM).unwrap().log.pop()));
    let late = fault(|run| run.journals[0].received[7].written.ms += 3);
    assert!(late.contains("3 ms late"), "{late}");
    fault(|run| run.rooms.get_mut(ROOM).unwrap().offences.push("two batches".to_owned()));
}

#[test]
fn missing_wrong_and_extra_answers_are_found() {
    let missing = fault(|run| {
        run.journals[0].received.remove(6);
        run.journals[0].settled = Some(8);
    });
    assert!(missing.contains("answered by"), "{missing}");
    fault(|run| run.journals[0].received[6].message = error(ErrorCode::BadCursor));
    fault(|run| run.journals[0].received.push(received(150, 1, error(ErrorCode::Storage))));
    fault(|run| run.journals[0].sent.insert(3, sent(50, Command::BadCursor)));
    fault(|run| run.journals[0].sent.swap(0, 1));
}

#[test]
fn text_that_never_reaches_the_store_is_found() {
    fault(|run| run.journals[0].sent.insert(3, say(50, "lost")));
    let lost = fault(|run| run.journals[1].sent.push(say(30, "lost")));
    assert!(lost.contains("is lost"), "{lost}");
    let late = fault(|run| {
        run.journals[0].sent.pop();
        run.journals[0].sent.push(say(50, "three"));
        run.journals[0].settled = None;
        run.journals[2].settled = None;
        run.journals[0].end = End::Open;
        run.journals[0].hung_up = Some(HungUp { at: at(60), is_readable: true });
    });
    assert!(late.contains("had arrived before the connection closed"), "{late}");
}

#[test]
fn wrong_outcome_of_a_resume_is_found() {
    let another = |run: &mut Run| {
        let greeted = greeting(140, 3, &[(1, "a"), (3, "c")], vec![]);
        run.journals.truncate(2);
        let mut c = journal("b", 39, vec![], greeted);
        c.received[3].message =
            ServerMessage::History(vec![record(1, 1, "one"), record(2, 1, "two")]);
        for received in &mut c.received {
            received.written.ms = 40;
        }
        c.end = End::Closed(Some(1013));
        c.has_stalled = true;
        run.journals.push(c);
        run.journals[0].received.truncate(8);
        run.journals[0].settled = None;
    };
    let words = fault(another);
    assert!(words.contains("is another one"), "{words}");
    fault(|run| run.journals[1].end = End::Closed(Some(1000)));
    let leave = fault(|run| {
        let leaves = received(130, 2, ServerMessage::Leave);
        run.journals[0].received.insert(8, leaves);
    });
    assert!(leave.contains("unknown") || leave.contains("left"), "{leave}");
}

#[test]
fn close_without_a_cause_is_found() {
    for end in [End::Open, End::Cut, End::Closed(Some(1013)), End::Closed(Some(1001))] {
        fault(|run| run.journals[0].end = end);
    }
    let untaken = fault(|run| run.journals[0].end = End::Closed(Some(4001)));
    assert!(untaken.contains("without a takeover"), "{untaken}");
}

#[test]
fn close_1013_before_the_greeting_is_allowed_only_if_the_room_was_active() {
    let closed_at = |opened| {
        let mut run = good();
        let mut newcomer = journal("late", opened, vec![], vec![]);
        newcomer.end = End::Closed(Some(1013));
        run.journals.push(newcomer);
        check(&run)
    };
    let latest = good().rooms[ROOM].log.iter().filter_map(|kept| kept.answered).max().unwrap();
    assert!(closed_at(latest.step - 1).is_ok());
    let quiet = closed_at(latest.step).unwrap_err();
    assert!(quiet.contains("for no reason"), "{quiet}");
}

#[test]
fn wrong_final_member_list_is_found() {
    let words = fault(|run| run.journals[2].settled = None);
    assert!(words.contains("at the end"), "{words}");
}
