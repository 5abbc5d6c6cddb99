//! Properties that hold for every text that a client can send.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use xmeet_shared::limits::{NICKNAME_CHARS_MAX, ROOM_ID_BYTES_MAX};
use xmeet_shared::{
    ClientCommand, CommandError, Cursor, Envelope, ErrorCode, Member, Nickname, NicknameError, Pid,
    Record, RoomId, SendTime, ServerMessage,
};

/// Generates texts in which characters that names must not have are frequent.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        ' ', '\t', '\n', '\r', '\u{0}', '\u{7f}', '\u{85}', '\u{a0}', '\u{200b}', '\u{200d}',
        '\u{200e}', '\u{202e}', '\u{2028}', '\u{2066}', '\u{3000}', '\u{3164}', '\u{fe0f}',
        '\u{feff}', '"', '\\', '<', ':', '@', '小', '😀',
    ]);
    vec(prop_oneof![any::<char>(), special], 0..48).prop_map(String::from_iter)
}

fn nickname() -> impl Strategy<Value = Nickname> {
    text().prop_filter_map("it is a name", |text| Nickname::from_handshake(&text))
}

fn room_id() -> impl Strategy<Value = RoomId> {
    text().prop_filter_map("it is a room id", |text| RoomId::new(&text).ok())
}

fn pid() -> impl Strategy<Value = Pid> {
    (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(n, s, c)| Pid::new(n, s, c))
}

fn record() -> impl Strategy<Value = Record> {
    (pid(), text(), option::of(1..1_u64 << 53), option::of(any::<i64>()), option::of(nickname()))
        .prop_map(|(from, payload, id, ts, nickname)| {
            let send_time = SendTime::from_wire("2026-11-03");
            Record { from, payload, send_time, id, ts, nickname }
        })
}

fn message() -> impl Strategy<Value = ServerMessage> {
    let member = (pid(), nickname()).prop_map(|(pid, nickname)| Member { pid, nickname });
    let code = prop::sample::select(vec![
        ErrorCode::BadCursor,
        ErrorCode::BadNickname,
        ErrorCode::Unsupported,
        ErrorCode::TooLarge,
        ErrorCode::RateLimited,
        ErrorCode::Storage,
    ]);
    prop_oneof![
        (pid(), option::of(text()), option::of(any::<u64>())).prop_map(
            |(pid, epoch, greeting_bytes)| ServerMessage::SelfId { pid, epoch, greeting_bytes }
        ),
        any::<u64>().prop_map(ServerMessage::MemberCount),
        vec(member, 0..5).prop_map(ServerMessage::Members),
        vec(record(), 0..5).prop_map(ServerMessage::History),
        nickname().prop_map(ServerMessage::Join),
        Just(ServerMessage::Leave),
        (text(), option::of(1..1_u64 << 53), option::of(nickname()))
            .prop_map(|(text, id, nickname)| ServerMessage::Normal { text, id, nickname }),
        nickname().prop_map(ServerMessage::ChangeName),
        (text(), option::of(code), option::of(any::<u64>())).prop_map(
            |(words, code, retry_after_ms)| ServerMessage::Error { words, code, retry_after_ms }
        ),
        option::of(any::<u64>()).prop_map(|next_bytes| ServerMessage::Ping { next_bytes }),
    ]
}

proptest! {
    #[test]
    fn encoded_frame_parses_to_the_same_value(
        from in pid(), xnest in room_id(), message in message(), ts in option::of(any::<i64>()),
    ) {
        let envelope =
            Envelope { from, xnest, message, send_time: SendTime::from_wire("2026-1-2 3:4:5"), ts };
        let frame = envelope.encode();
        prop_assert!(!frame.contains('\n'), "a frame is one line");
        prop_assert_eq!(Envelope::parse(&frame).unwrap(), envelope);
    }

    #[test]
    fn five_original_keys_come_first_in_order(from in pid(), xnest in room_id(), message in message()) {
        let kind = message.kind();
        let envelope =
            Envelope { from: from.clone(), xnest, message, send_time: SendTime::from_wire("T"), ts: Some(1) };
        let frame = envelope.encode();
        let start = format!("{{\"from\":\"{from}\",\"xnest\":\"");
        prop_assert!(frame.starts_with(&start));
        let kind = frame.find(&format!("\"type\":\"{kind}\",\"payload\":")).unwrap();
        let send_time = frame.rfind("\"send_time\":\"T\"").unwrap();
        prop_assert!(kind < send_time);
        prop_assert!(send_time < frame.rfind("\"ts\":1").unwrap());
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in text()) {
        let _ = Envelope::parse(&text);
        let _ = RoomId::new(&text);
    }

    #[test]
    fn cleaned_name_is_short_visible_and_plain(text in text()) {
        let Some(name) = Nickname::from_handshake(&text) else { return Ok(()) };
        let name = name.as_str();
        prop_assert!((1..=NICKNAME_CHARS_MAX).contains(&name.chars().count()));
        prop_assert!(!name.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)), "{name:?}");
        prop_assert!(!name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  "));
        prop_assert!(!name.chars().any(|c| c.is_whitespace() && c != ' '));
    }

    #[test]
    fn cleaning_a_clean_name_changes_nothing(name in nickname()) {
        prop_assert_eq!(Nickname::from_handshake(name.as_str()), Some(name.clone()));
        prop_assert_eq!(Nickname::new(name.as_str()), Ok(name));
    }

    #[test]
    fn rename_and_handshake_differ_only_for_long_names(text in text()) {
        match Nickname::new(&text) {
            Ok(name) => prop_assert_eq!(Nickname::from_handshake(&text), Some(name)),
            Err(NicknameError::Empty) => prop_assert_eq!(Nickname::from_handshake(&text), None),
            Err(NicknameError::TooLong { chars }) => prop_assert!(chars > NICKNAME_CHARS_MAX),
        }
    }

    #[test]
    fn text_without_a_command_is_a_message_unchanged(text in text()) {
        prop_assume!(!ClientCommand::looks_like_command(&text));
        let expected = (!text.is_empty()).then_some(ClientCommand::Say(&text));
        prop_assert_eq!(ClientCommand::parse(&text), Ok(expected));
    }

    #[test]
    fn text_with_a_command_name_is_never_a_message(text in text(), word in prop::sample::select(vec!["@changename:", "@history:"])) {
        let frame = format!("{word}{text}");
        prop_assert!(ClientCommand::looks_like_command(&frame));
        prop_assert!(!matches!(ClientCommand::parse(&frame), Ok(None | Some(ClientCommand::Say(_)))));
    }

    #[test]
    fn private_message_with_a_bar_is_refused_and_without_one_said(to in text(), text in text()) {
        let frame = format!("@to:{to}|{text}");
        prop_assert!(ClientCommand::looks_like_command(&frame));
        prop_assert_eq!(ClientCommand::parse(&frame), Err(CommandError::Private));
        let without = frame.replace('|', "");
        prop_assert!(!ClientCommand::looks_like_command(&without));
        prop_assert_eq!(ClientCommand::parse(&without), Ok(Some(ClientCommand::Say(&without))));
    }

    #[test]
    fn encoded_command_parses_to_the_same_value(name in nickname(), cursor in any::<u64>()) {
        for command in [ClientCommand::ChangeName(name), ClientCommand::History(Cursor(cursor))] {
            let frame = command.to_string();
            prop_assert_eq!(ClientCommand::parse(&frame), Ok(Some(command)));
        }
    }

    #[test]
    fn valid_room_id_stays_unchanged(text in text()) {
        match RoomId::new(&text) {
            Ok(id) => prop_assert_eq!(id.as_str(), &text),
            Err(_) => prop_assert!(
                text.is_empty() || text.len() > ROOM_ID_BYTES_MAX || text == "." || text == ".."
                    || text.chars().any(char::is_control)
            ),
        }
    }

    #[test]
    fn pages_tile_the_history(oldest in 1_u64..500, count in 0_u64..500) {
        let kept = oldest..=(oldest + count - 1);
        let mut ids: Vec<u64> = (0..).map_while(|n| Cursor(n).ids(&kept)).flat_map(|page| {
            let mut page: Vec<u64> = page.collect();
            page.reverse();
            page
        }).collect();
        ids.reverse();
        prop_assert_eq!(ids, kept.collect::<Vec<u64>>());
    }
}
