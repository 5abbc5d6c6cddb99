//! Goal: greetings made of shared parts are the same frames, byte for byte, as ones encoded by
//! themselves, whatever happened to the room between two of them.

use std::sync::Arc;

use xmeet_shared::{Envelope, Member, Nickname, RoomId};

use super::*;
use crate::clock::Clock;
use crate::room::{Effect, Input, Message, Room, Stored};

const TS: UnixMillis = 1_428_472_926_000;

fn name(text: &str) -> Nickname {
    Nickname::new(text).unwrap()
}

/// The payloads of frames that follow each other.
fn payloads(mut bytes: &[u8]) -> Vec<String> {
    let mut payloads = Vec::new();
    while let [0x81, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            127 => panic!("no frame here is that long"),
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            short => (usize::from(*short), rest),
        };
        let (payload, after) = rest.split_at(length);
        payloads.push(String::from_utf8(payload.to_vec()).unwrap());
        bytes = after;
    }
    assert!(bytes.is_empty());
    payloads
}

fn encoded_alone(encoder: &Encoder, pid: &Pid, snapshot: &Snapshot) -> Vec<String> {
    let members: Vec<Member> = snapshot.roster.members().cloned().collect();
    let records = snapshot.tail.iter().map(|kept| encoder.record(kept)).collect();
    [
        ServerMessage::SelfId { pid: pid.clone(), epoch: Some("e".to_owned()) },
        ServerMessage::MemberCount(members.len() as u64),
        ServerMessage::Members(members),
        ServerMessage::History(records),
    ]
    .map(|message| {
        let send_time = Clock::new(Some("Asia/Shanghai")).unwrap().moment(snapshot.ts);
        let xnest = RoomId::new("r\"汉").unwrap();
        Envelope { from: pid.clone(), xnest, message, send_time, ts: Some(snapshot.ts) }.encode()
    })
    .to_vec()
}

#[tokio::test]
async fn shared_parts_make_the_same_frames() {
    let clock = Clock::new(Some("Asia/Shanghai")).unwrap();
    let mut encoder = Encoder::new(RoomId::new("r\"汉").unwrap(), clock, Arc::default());
    let from = Pid::new(0, 99, 1);
    let text = "\"quoted\"\n".to_owned();
    let message = Message { from, nickname: name("old"), text, ts: TS };
    let tail = vec![Kept { id: 7, message: Arc::new(message) }];
    let mut room = Room::new(Stored { oldest: 7, newest: 7, tail, timely_before: None }, 100);
    let mut greeter = Greeter::default();
    let join = |member| {
        let nickname = name(&format!("n\"{member}"));
        Input::Join { member, pid: Pid::new(0, member, 1), nickname }
    };
    let rounds = [
        vec![join(1)],
        vec![join(2), join(3)],
        vec![Input::ChangeName { member: 2, nickname: name("other") }, join(4)],
        vec![Input::Say { member: 4, text: "new".to_owned() }, join(5)],
        vec![Input::Appended { first: 8 }],
        vec![Input::Leave { member: 1 }, join(6)],
        vec![Input::Lose { member: 6 }, Input::Return { member: 6, nickname: name("back") }],
        (2..=6).map(|member| Input::Leave { member }).collect(),
        vec![join(7)],
    ];
    let mut greeted = 0;
    for (number, inputs) in rounds.into_iter().enumerate() {
        let mut effects = Vec::new();
        for input in inputs {
            room.handle(input, TS + number as i64 * 700, &mut effects);
        }
        room.settle(&mut effects);
        for effect in effects {
            let Effect::Greet { members, snapshot } = effect else { continue };
            let greeting = greeter.cut(&snapshot, &mut encoder).await;
            for (_, pid) in members {
                let pieces = greeting.of(&pid, Some("e"), &mut encoder).concat();
                assert_eq!(payloads(&pieces), encoded_alone(&encoder, &pid, &snapshot));
                greeted += 1;
            }
        }
    }
    assert_eq!(greeted, 8);
}
