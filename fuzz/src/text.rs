//! The web client handles untrusted text in a bounded number of steps per byte.

use std::cell::Cell;

use xmeet_shared::limits::NICKNAME_CHARS_MAX;
use xmeet_shared::{ClientCommand, Envelope, Nickname, Pid, can_be_seen, steps};
use xmeet_web::links::{LINK_BYTES_MAX, LINKS_PER_MESSAGE_MAX, Piece};
use xmeet_web::mention_menu::Menu;
use xmeet_web::room::Room;
use xmeet_web::room::members::Person;
use xmeet_web::{encoding, fold, identity, links, lookalike, mentions, page};

/// Maximum number of steps per byte of the text in any function. The worst case is a name of 32 characters
/// of four bytes, compared at each `@`, for every second byte.
const STEPS_PER_BYTE_MAX: u64 = 100;

/// Maximum number of steps of a function that do not depend on the text: 64 mentions, each compared with
/// every prefix of a name.
const STEPS_FIXED_MAX: u64 = 500_000;

/// Length of a repeated text in bytes. Quadratic work exceeds the bound far below this length.
const REPETITION_BYTES: usize = 16 * 1024;

/// Minimum number of repetitions after a long first part.
const REPETITIONS_MIN: usize = 2;

/// Checks that a text costs a bounded number of steps per byte, and so does a text with its first line
/// once and the rest repeated.
pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    assert_bounded(text);
    let (once, again) = text.split_once('\n').unwrap_or(("", text));
    if !again.is_empty() {
        let space = REPETITION_BYTES.saturating_sub(once.len());
        let count = (space / again.len()).max(REPETITIONS_MIN);
        assert_bounded(&format!("{once}{}", again.repeat(count)));
    }
}

fn assert_bounded(text: &str) {
    let people = people(text);
    let bytes = text.len() + people.iter().map(|person| person.name.len()).sum::<usize>();
    let total = Cell::new(0);
    let within = |name: &str, work: &dyn Fn()| {
        let ((), steps) = steps::count(work);
        let max = bytes as u64 * STEPS_PER_BYTE_MAX + STEPS_FIXED_MAX;
        assert!(steps <= max, "{name} took {steps} steps for {bytes} bytes, {max} are allowed");
        total.set(total.get() + steps);
    };
    within("links", &|| assert_pieces(text));
    within("fold", &|| {
        let _ = fold::fold_at(text);
        assert_eq!(fold::short_runs(text).concat(), text);
    });
    within("can be seen", &|| {
        let _ = can_be_seen(text);
    });
    within("name", &|| {
        let _ = Nickname::from_handshake(text);
        let _ = Nickname::new(text);
    });
    within("skeleton", &|| {
        let _ = lookalike::skeleton(text);
    });
    within("initial", &|| assert!(identity::initial(text).chars().count() <= 16));
    within("encoding", &|| {
        assert_eq!(encoding::decode_segment(&encoding::encode(text)).as_deref(), Some(text));
        let _ = encoding::query_value(text, "nickname");
        let _ = encoding::query_without(text, "nickname");
    });
    within("page", &|| {
        let _ = page::room_from_input("x", "/chat", &format!("https://x/chat/room/{text}"));
    });
    within("command", &|| {
        let _ = ClientCommand::parse(&format!("@changename:{text}"));
    });
    for person in &people {
        within("mentions", &|| {
            let _ = mentions::mentions(text, &person.name, &people);
            let _ = mentions::units(text);
        });
    }
    within("mention menu", &|| {
        let at_end = Menu::default().follow(text, text.len(), &people, None);
        let caret = mentions::byte_at(text, u32::try_from(text.len() / 2).unwrap_or(0));
        let inside = at_end.follow(text, caret, &people, None);
        let _ = inside.refresh(text, &people, None).complete(text, "Anna");
    });
    assert_room(text, &people);
    // The build counts steps.
    let is_counted = total.get() > text.chars().count() as u64;
    assert!(is_counted || text.is_empty() || !cfg!(debug_assertions));
}

/// Checks that the pieces form the text, and that their number and lengths are bounded.
fn assert_pieces(text: &str) {
    let pieces = links::pieces(text);
    let mut place = 0;
    for piece in &pieces {
        let part = piece.as_str();
        assert!(text[place..].starts_with(part) && !part.is_empty());
        place += part.len();
        if let Piece::Link(link) = piece {
            assert!((8..=LINK_BYTES_MAX).contains(&link.len()));
        }
    }
    assert_eq!(place, text.len());
    assert!(pieces.len() <= 2 * LINKS_PER_MESSAGE_MAX + 1);
    let count = pieces.len();
    let (shown, rest) = fold::split(pieces, fold::fold_at(text).unwrap_or(text.len()));
    assert!(shown.len() + rest.len() <= count + 1);
}

/// Creates members whose names are prefixes of the text, as an attacker would choose them.
fn people(text: &str) -> Vec<Person> {
    let lengths = [1, 2, 3, NICKNAME_CHARS_MAX / 2, NICKNAME_CHARS_MAX - 1, NICKNAME_CHARS_MAX];
    let after_at = text.split_once('@').map_or(text, |(_, after)| after);
    let names = [text, after_at]
        .into_iter()
        .flat_map(|source| lengths.map(|chars| source.chars().take(chars).collect::<String>()));
    (0..)
        .zip(names)
        .map(|(serial, name)| Person { pid: Pid::new(0, serial, 1), name: name.into() })
        .collect()
}

/// A room with the text as a name and as messages draws a bounded number of rows.
fn assert_room(text: &str, people: &[Person]) {
    /// Messages with the text.
    const MESSAGES: usize = 4;
    let members: Vec<_> = people
        .iter()
        .map(|person| serde_json::json!({ "pid": person.pid.as_str(), "nickname": &*person.name }))
        .collect();
    let records: Vec<_> = (1..=MESSAGES)
        .map(|id| {
            serde_json::json!({
                "pid": "0", "payload": text, "send_time": "", "id": id, "ts": 0, "nickname": text,
            })
        })
        .collect();
    let mut room = Room::new(Vec::new(), Vec::new());
    let bytes = (text.len() + 64) * (MESSAGES + people.len());
    let (rows, steps) = steps::count(|| {
        for (kind, payload) in [
            ("self", serde_json::json!("0")),
            ("members", members.into()),
            ("history", records.into()),
        ] {
            let frame = serde_json::json!({
                "from": "0", "xnest": "r", "type": kind, "payload": payload, "send_time": "",
            });
            if let Ok(envelope) = Envelope::parse(&frame.to_string()) {
                room.apply(envelope, 0);
            }
        }
        room.rows(&mut |_| 0).len()
    });
    assert!(rows <= 3 * MESSAGES + 8, "{rows} rows");
    assert!(steps <= bytes as u64 * STEPS_PER_BYTE_MAX, "the room took {steps} steps");
}
