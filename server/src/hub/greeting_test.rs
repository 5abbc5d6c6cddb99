//! Goal: greetings of shared parts equal greetings that are encoded alone, byte for byte, after any
//! changes of the room in between.

use std::sync::Arc;

use xmeet_shared::{Envelope, Member, Nickname, RoomId};
use xmeet_testframes::Frame;

use super::*;
use crate::clock::Clock;
use crate::room::{Action, Effect, Input, Message, Room, RoomHistory};

const TS: UnixMillis = 1_428_472_926_000;

fn name(text: &str) -> Nickname {
    Nickname::new(text).unwrap()
}

/// Returns the payloads of consecutive frames.
fn payloads(bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    let frames = xmeet_testframes::take_all(&mut bytes).unwrap();
    assert!(bytes.is_empty());
    frames.into_iter().map(Frame::text).collect()
}

fn encoded_alone(encoder: &Encoder, pid: &Pid, snapshot: &Snapshot) -> Vec<String> {
    let members: Vec<Member> = snapshot.roster.members().cloned().collect();
    let records = snapshot.tail.iter().map(|kept| encoder.record(kept)).collect();
    let encode = |message| {
        let send_time = Clock::new(Some("Asia/Shanghai")).unwrap().moment(snapshot.ts);
        let xnest = RoomId::new("r\"汉").unwrap();
        Envelope { from: pid.clone(), xnest, message, send_time, ts: Some(snapshot.ts) }.encode()
    };
    let behind = [
        ServerMessage::MemberCount(members.len() as u64),
        ServerMessage::Members(members),
        ServerMessage::History(records),
    ]
    .map(encode);
    let greeting_bytes = Some(behind.iter().map(|frame| frame.len() as u64).sum());
    let epoch = Some("e".to_owned());
    let first = encode(ServerMessage::SelfId { pid: pid.clone(), epoch, greeting_bytes });
    [vec![first], behind.to_vec()].concat()
}

#[tokio::test]
async fn shared_greeting_parts_make_the_same_frames() {
    let clock = Clock::new(Some("Asia/Shanghai")).unwrap();
    let mut encoder = Encoder::new(RoomId::new("r\"汉").unwrap(), clock, Arc::default());
    let from = Pid::new(0, 99, 1);
    let text = "\"quoted\"\n".to_owned();
    let message = Message { from, nickname: name("old"), text, ts: TS };
    let tail = vec![StoredMessage { id: 7, message: Arc::new(message) }];
    let mut room = Room::new(RoomHistory { oldest: 7, newest: 7, tail, valid_before: None }, 100);
    let mut greeter = Greeter::default();
    let join = |member| {
        let nickname = name(&format!("n\"{member}"));
        Action::Join { pid: Pid::new(0, member, 1), nickname }.by(member)
    };
    let rounds = [
        vec![join(1)],
        vec![join(2), join(3)],
        vec![Action::ChangeName { nickname: name("other") }.by(2), join(4)],
        vec![Input::Say { member: 4, text: "new".to_owned(), is_stored: true }, join(5)],
        vec![Input::Appended { first: 8 }],
        vec![Action::Leave.by(1), join(6)],
        vec![Action::ConnectionLost.by(6), Action::Resume { nickname: name("back") }.by(6)],
        (2..=6).map(|member| Action::Leave.by(member)).collect(),
        vec![join(7)],
    ];
    let mut greeted = 0;
    for (number, inputs) in rounds.into_iter().enumerate() {
        let mut effects = Vec::new();
        for input in inputs {
            room.handle(input, TS + number as i64 * 700, &mut effects);
        }
        room.end_round(&mut effects);
        for effect in effects {
            let Effect::Greet { members, snapshot } = effect else { continue };
            let shared = greeter.shared(&snapshot, &mut encoder);
            let page = greeter.page(&snapshot.tail, snapshot.ts, &mut encoder).await;
            for (_, pid) in members {
                let pieces = shared.greeting(&page, &pid, Some("e"), &mut encoder).concat();
                assert_eq!(payloads(&pieces), encoded_alone(&encoder, &pid, &snapshot));
                greeted += 1;
            }
        }
    }
    assert_eq!(greeted, 8);
}

/// Creates a room with this many members.
fn full_room(members: u64) -> Room {
    let mut room = Room::new(RoomHistory::default(), 0);
    let mut effects = Vec::new();
    for member in 1..=members {
        let (pid, nickname) = (Pid::new(0, member, 1), name("a name"));
        room.handle(Action::Join { pid, nickname }.by(member), TS, &mut effects);
    }
    room.end_round(&mut effects);
    room
}

/// Applies inputs. Returns the pieces of a greeting after them.
fn greeting_after(
    room: &mut Room,
    inputs: Vec<Input>,
    (greeter, encoder): (&mut Greeter, &mut Encoder),
) -> Vec<Bytes> {
    let mut effects = Vec::new();
    inputs.into_iter().for_each(|input| room.handle(input, TS, &mut effects));
    room.end_round(&mut effects);
    let snapshot = effects.into_iter().find_map(|effect| match effect {
        Effect::Greet { snapshot, .. } => Some(snapshot),
        _ => None,
    });
    let shared = greeter.shared(&snapshot.unwrap(), encoder);
    shared.greeting(&Bytes::new(), &Pid::new(0, 1, 1), None, encoder)
}

#[test]
fn leave_in_a_large_room_encodes_few_bytes_again() {
    const MEMBERS: u64 = 5000;
    /// Size of three chunks: the newcomer's, that of the member that left, and a merged one.
    const ENCODED_BYTES_MAX: usize = 3 * 64 * 60;
    let mut encoder =
        Encoder::new(RoomId::new("r").unwrap(), Clock::new(None).unwrap(), Arc::default());
    let mut greeter = Greeter::default();
    let mut room = full_room(MEMBERS);
    let join = |member| {
        let (pid, nickname) = (Pid::new(0, member, 1), name("newcomer"));
        Action::Join { pid, nickname }.by(member)
    };
    let mut before =
        greeting_after(&mut room, vec![join(MEMBERS + 1)], (&mut greeter, &mut encoder));
    let list_bytes: usize = before.iter().map(Bytes::len).sum();
    assert!(list_bytes > 150_000, "{list_bytes}");
    for round in 2..200 {
        // Members leave from random places in the list.
        let inputs = vec![Action::Leave.by(round * 23), join(MEMBERS + round)];
        let after = greeting_after(&mut room, inputs, (&mut greeter, &mut encoder));
        let is_shared =
            |piece: &Bytes| before.iter().any(|earlier| earlier.as_ptr() == piece.as_ptr());
        let encoded_bytes: usize =
            after.iter().filter(|piece| !is_shared(piece)).map(Bytes::len).sum();
        assert!(encoded_bytes <= ENCODED_BYTES_MAX, "{encoded_bytes} bytes in round {round}");
        before = after;
    }
}
