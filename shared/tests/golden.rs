//! Compares frames with the golden files in both directions: parsing a file must give the value that
//! is here beside its name, and encoding that value must give the bytes of the file.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use xmeet_shared::{
    ClientCommand, Cursor, Envelope, ErrorCode, Member, Nickname, Pid, Record, RoomId, SendTime,
    ServerMessage,
};

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "golden", name].iter().collect()
}

fn file_names(name: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(name)).expect("the golden folder is there");
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn golden(folder_name: &str, file: &str) -> String {
    fs::read_to_string(folder(folder_name).join(file)).expect(file)
}

/// Compares every file of a folder with its case, and fails if a file has no case.
fn check_all(folder_name: &str, cases: &[(&str, Envelope)], compact: fn(&str) -> String) {
    for (file, expected) in cases {
        let text = golden(folder_name, file);
        let parsed = Envelope::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(&parsed, expected, "{file} was read as something else");
        assert_eq!(expected.encode(), compact(&text), "{file} is written differently");
    }
    let named: BTreeSet<String> = cases.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(named, file_names(folder_name), "cases and files differ");
}

fn pid(text: &str) -> Pid {
    Pid::from_wire(text)
}

fn name(text: &str) -> Nickname {
    Nickname::new(text).unwrap()
}

fn xmeet(from: &str, message: ServerMessage, second: u8, ts: i64) -> Envelope {
    Envelope {
        from: pid(from),
        xnest: RoomId::new("聊天室").unwrap(),
        message,
        send_time: SendTime::from_wire(&format!("2026-11-3 9:5:{second}")),
        ts: Some(ts),
    }
}

/// A frame from member 7, the receiver.
fn own(message: ServerMessage) -> Envelope {
    xmeet("<0.7.3>", message, 1, 1_793_869_501_042)
}

/// A frame from member 8.
fn other(message: ServerMessage) -> Envelope {
    xmeet("<0.8.3>", message, 2, 1_793_869_502_000)
}

fn error(words: &str, code: ErrorCode, retry_after_ms: Option<u64>) -> ServerMessage {
    ServerMessage::Error { words: words.to_owned(), code: Some(code), retry_after_ms }
}

#[test]
fn server_frames_match_golden_files() {
    let member = |p: &str, n: &str| Member { pid: pid(p), nickname: name(n) };
    let record = Record {
        from: pid("<0.1.2>"),
        payload: "line 1\nline \"2\" \u{7}".to_owned(),
        send_time: SendTime::from_wire("2026-11-02"),
        id: Some(41),
        ts: Some(1_793_783_101_000),
        nickname: Some(name("Zoë")),
    };
    let speaker = Some(name("黑旋风李逵"));
    let said = " <img src=x onerror=alert(1)> 😀\n".to_owned();
    let self_id = |epoch: Option<&str>| ServerMessage::SelfId {
        pid: pid("<0.7.3>"),
        epoch: epoch.map(str::to_owned),
        greeting_bytes: epoch.map(|_| 1874),
    };
    let cursor_words = "a history cursor is a decimal number, from 0";
    let cases = [
        ("self.json", own(self_id(None))),
        ("self_epoch.json", own(self_id(Some("q7Zk")))),
        ("member_count.json", own(ServerMessage::MemberCount(2))),
        (
            "members.json",
            own(ServerMessage::Members(vec![
                member("<0.4.3>", "<b>x</b>"),
                member("<0.7.3>", "小明"),
            ])),
        ),
        ("history.json", own(ServerMessage::History(vec![record]))),
        ("history_empty.json", own(ServerMessage::History(vec![]))),
        ("join.json", other(ServerMessage::Join(name("黑旋风李逵")))),
        ("leave.json", other(ServerMessage::Leave)),
        (
            "normal.json",
            other(ServerMessage::Normal {
                text: said.clone(),
                id: Some(42),
                nickname: speaker.clone(),
            }),
        ),
        (
            "normal_not_stored.json",
            other(ServerMessage::Normal { text: said, id: None, nickname: speaker }),
        ),
        ("changename.json", other(ServerMessage::ChangeName(name("a \"b\" \\")))),
        ("error.json", own(error(cursor_words, ErrorCode::BadCursor, None))),
        (
            "error_rate_limited.json",
            own(error("too many messages", ErrorCode::RateLimited, Some(1500))),
        ),
        ("ping.json", own(ServerMessage::Ping { next_bytes: None })),
        ("ping_next.json", own(ServerMessage::Ping { next_bytes: Some(3_276_912) })),
    ];
    check_all("server", &cases, |text| text.trim_end_matches('\n').to_owned());

    let kinds: BTreeSet<&str> = cases.iter().map(|(_, case)| case.message.kind()).collect();
    assert_eq!(kinds.len(), 10, "a type has no golden file: {kinds:?}");
}

#[test]
fn examples_of_the_original_protocol_match_golden_files() {
    let seed = |from: &str, message: ServerMessage, send_time: &str| Envelope {
        from: pid(from),
        xnest: RoomId::new("f45c6d7720375d90f660a7b7e3ae11bf").unwrap(),
        message,
        send_time: SendTime::from_wire(send_time),
        ts: None,
    };
    let first = |message| seed("<0.31891.2>", message, "2015-4-8 14:2:6");
    let records = [
        " 12121435131197391",
        " 1111435131194487",
        " 大大的1435131192974",
        "爱上对方1435131191173",
    ]
    .map(|payload| Record {
        from: pid("<0.1897.0>"),
        payload: payload.to_owned(),
        send_time: SendTime::from_wire("2015-06-24"),
        id: None,
        ts: None,
        nickname: None,
    });
    let said = ServerMessage::Normal { text: "大家好".to_owned(), id: None, nickname: None };
    let members = vec![Member { pid: pid("<0.31891.2>"), nickname: name("小明") }];
    let cases = [
        (
            "self.json",
            first(ServerMessage::SelfId {
                pid: pid("<0.31891.2>"),
                epoch: None,
                greeting_bytes: None,
            }),
        ),
        ("member_count.json", first(ServerMessage::MemberCount(1))),
        ("members.json", first(ServerMessage::Members(members))),
        ("history.json", first(ServerMessage::History(records.to_vec()))),
        ("history_asked.json", first(ServerMessage::History(records.to_vec()))),
        ("join.json", first(ServerMessage::Join(name("黑旋风李逵")))),
        ("leave.json", seed("<0.31916.2>", ServerMessage::Leave, "2015-4-8 14:23:28")),
        ("normal.json", seed("<0.31891.2>", said, "2015-4-8 14:25:30")),
        ("changename.json", first(ServerMessage::ChangeName(name("黑旋风李逵")))),
    ];
    check_all("seed", &cases, without_white_space);
}

#[test]
fn client_frames_match_golden_files() {
    let cases = [
        ("say.txt", ClientCommand::Say("大家好")),
        ("say_lines.txt", ClientCommand::Say("@someone hello\nsecond line ")),
        ("changename.txt", ClientCommand::ChangeName(name("黑旋风李逵"))),
        ("history.txt", ClientCommand::History(Cursor(2))),
    ];
    for (file, expected) in &cases {
        let text = golden("client", file);
        assert_eq!(ClientCommand::parse(&text), Ok(Some(expected.clone())), "{file}");
        assert_eq!(expected.to_string(), text, "{file}");
    }
    let private = "private.txt";
    let text = golden("client", private);
    let refused = ClientCommand::parse(&text).map_err(|error| error.code());
    assert_eq!(refused, Err(ErrorCode::Unsupported), "{private}");
    let mut named: BTreeSet<String> = cases.iter().map(|(file, _)| (*file).to_owned()).collect();
    named.insert(private.to_owned());
    assert_eq!(named, file_names("client"), "cases and files differ");
}

#[test]
fn unknown_type_and_malformed_frame_are_different_errors() {
    use xmeet_shared::WireError::{Malformed, UnknownType};
    let later = golden("server", "ping.json").replace("\"ping\"", "\"poll\"");
    assert!(matches!(Envelope::parse(&later), Err(UnknownType(kind)) if kind == "poll"));
    let more_keys = golden("server", "leave.json").replace("\"ts\"", "\"new\":{},\"ts\"");
    assert!(Envelope::parse(&more_keys).is_ok());
    let wrong_payload =
        golden("server", "member_count.json").replace("\"payload\":2", "\"payload\":\"2\"");
    for broken in ["", "{}", "[]", "hello", wrong_payload.as_str()] {
        assert!(matches!(Envelope::parse(broken), Err(Malformed(_))), "{broken}");
    }
}

/// Removes the white space between the tokens of a JSON text.
fn without_white_space(json: &str) -> String {
    let (mut compact, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if in_text || !c.is_whitespace() {
            compact.push(c);
        }
        in_text ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    compact
}
