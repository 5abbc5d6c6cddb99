//! Tests of the effects of each input: their order, timers, outages, rate limits and notifications.

use xmeet_shared::{CloseCode, ErrorCode, Nickname, ServerMessage};

use super::client::{Client, notice, saved_entries, send_effect, text_input, timer_effect};
use super::{CONNECTION_LOST, setup};
use crate::connection::Phase;
use crate::core::{
    ConnectionAnnouncement, Effect, Input, Notification, PageEffect, ReadMark, Setup, StorageWrite,
    Timer,
};
use crate::room::outbox::SavedEntry;
use crate::room::tests::{name, page, pid, record, text_message};
use crate::room::{HistoryEdge, Row};

#[test]
fn text_is_persisted_as_sent_before_it_is_sent() {
    let mut client = Client::greeted(setup());
    let effects = client.input(text_input("a"));
    let [persist, send] = &effects[..] else { panic!("not two effects: {effects:?}") };
    assert!(saved_entries(persist).unwrap()[0].is_sent());
    assert_eq!(*send, send_effect("a"));
    // The next text waits for the answer to the first one.
    let effects = client.input(text_input("b"));
    let [persist] = &effects[..] else { panic!("not one effect: {effects:?}") };
    let [first, second] = saved_entries(persist).unwrap() else { panic!("not two texts") };
    assert!(first.is_sent() && !second.is_sent());
    let effects = client.receive("me", text_message(121, "a"));
    assert!(effects.contains(&send_effect("b")), "{effects:?}");
}

#[test]
fn text_sent_offline_is_sent_after_the_greeting() {
    let mut client = Client::new(setup());
    let effects = client.input(text_input("a"));
    assert!(matches!(&effects[..], [Effect::Persist(StorageWrite::Outbox(_))]), "{effects:?}");
    client.greet(page(1..=2));
    assert!(client.effects.contains(&send_effect("a")));
}

#[test]
fn greeting_persists_the_member_and_the_nickname() {
    let mut client = Client::new(setup());
    client.greet(page(1..=2));
    let persist_member = Effect::Persist(StorageWrite::Member(vec![pid("me")]));
    assert!(client.effects.contains(&persist_member));
    let persist_nickname = Effect::Persist(StorageWrite::Nickname(Some(name("nme"))));
    assert!(client.effects.contains(&persist_nickname));
    assert!(client.core.is_connected());
}

#[test]
fn reconnect_requests_the_nickname_of_the_last_rename() {
    let mut client = Client::greeted(setup());
    client.receive("me", ServerMessage::ChangeName(name("new")));
    client.input(Input::Closed { code: CONNECTION_LOST });
    let effects = client.input(Input::TryNow);
    assert_eq!(effects, [Effect::Connect { nickname: Some(name("new")) }]);
}

#[test]
fn lost_connection_is_shown_and_retried_by_ticks() {
    let mut client = Client::greeted(setup());
    client.input(Input::Closed { code: CONNECTION_LOST });
    let status = client.core.status();
    assert_eq!(
        (status.connection_announcement, status.is_interrupted, status.retry_in_s),
        (ConnectionAnnouncement::Disconnected, true, 1)
    );
    assert!(matches!(status.phase, Phase::Retrying { .. }));
    assert_eq!(client.tick(), [Effect::Connect { nickname: Some(name("nme")) }]);
    client.greet(page(71..=120));
    let status = client.core.status();
    assert_eq!(
        (status.connection_announcement, status.is_interrupted),
        (ConnectionAnnouncement::Reconnected, false)
    );
    assert!(client.effects.contains(&Effect::Page(PageEffect::CheckVersion)));
}

#[test]
fn version_is_checked_only_after_an_outage_or_on_a_cached_page() {
    let check_version = Effect::Page(PageEffect::CheckVersion);
    for (is_cached_page, expected) in [(false, false), (true, true)] {
        let mut client = Client::new(Setup { is_cached_page, ..setup() });
        client.greet(page(1..=2));
        assert_eq!(client.effects.contains(&check_version), expected);
    }
}

#[test]
fn socket_is_closed_offline_and_opened_online() {
    let mut client = Client::greeted(setup());
    let effects = client.input(Input::Offline);
    assert_eq!(effects, [Effect::CloseSocket]);
    let effects = client.input(Input::Online);
    assert!(matches!(&effects[..], [Effect::Connect { .. }]), "{effects:?}");
}

#[test]
fn silent_connection_is_probed_and_replaced() {
    let mut client = Client::greeted(setup());
    let probe = send_effect("@history:999999999");
    let seconds_until_probe = (1..).find(|_| client.tick().contains(&probe));
    assert_eq!(seconds_until_probe, Some(30));
    let is_connect = |effect: &Effect| matches!(effect, Effect::Connect { .. });
    let seconds_until_connect = (1..).find(|_| client.tick().iter().any(is_connect));
    assert_eq!(seconds_until_connect, Some(5));
}

#[test]
fn takeover_by_another_tab_regenerates_the_token() {
    let mut client = Client::greeted(setup());
    let effects = client.input(Input::Closed { code: CloseCode::TakenOver.as_u16() });
    assert!(effects.contains(&Effect::RegenerateToken), "{effects:?}");
    assert!(client.core.room().own_pids().is_empty());
}

#[test]
fn close_over_a_large_text_returns_the_text() {
    let mut client = Client::greeted(setup());
    client.input(text_input("large"));
    client.input(text_input("next"));
    let effects = client.input(Input::Closed { code: CloseCode::TooLarge.as_u16() });
    assert!(effects.contains(&Effect::Page(PageEffect::ReturnText("large".into()))), "{effects:?}");
    assert!(!effects.contains(&send_effect("next")), "the socket is closed");
    assert_eq!(client.core.status().notice, notice(ErrorCode::TooLarge, None));
    let persisted = effects.iter().filter_map(saved_entries).next_back().unwrap();
    assert_eq!(persisted.iter().map(SavedEntry::text).collect::<Vec<_>>(), ["next"]);
}

#[test]
fn full_room_is_shown_until_the_next_close() {
    let mut client = Client::new(setup());
    client.input(Input::Closed { code: CloseCode::RoomFull.as_u16() });
    assert!(client.core.status().is_full);
    client.input(Input::TryNow);
    client.input(Input::Closed { code: CONNECTION_LOST });
    assert!(!client.core.status().is_full);
}

#[test]
fn rate_limited_text_returns_and_the_pause_ends() {
    let mut client = Client::greeted(setup());
    client.input(text_input("a"));
    let effects = client.refuse(ErrorCode::RateLimited, Some(2_500));
    assert!(effects.contains(&Effect::Page(PageEffect::ReturnText("a".into()))), "{effects:?}");
    assert!(effects.contains(&timer_effect(Timer::Pause, 2_500)));
    assert!(client.core.is_paused());
    assert_eq!(client.core.status().pause_s, 3);
    client.input(Input::DismissNotice);
    client.tick();
    client.input(Input::RemindOfPause);
    assert_eq!(client.core.status().notice, notice(ErrorCode::RateLimited, Some(2_000)));
    client.wait(1_500);
    client.input(Input::Timer(Timer::Pause));
    assert!(!client.core.is_paused());
    assert_eq!(client.core.status().notice, None);
}

#[test]
fn pages_during_a_pause_are_loaded_only_for_the_person() {
    let mut client = Client::greeted(setup());
    client.input(text_input("a"));
    client.refuse(ErrorCode::RateLimited, Some(2_000));
    assert_eq!(client.input(Input::LoadOlder { is_retry: false }), []);
    assert!(client.input(Input::LoadOlder { is_retry: true }).contains(&send_effect("@history:1")));
}

#[test]
fn rate_limited_page_is_requested_after_its_wait() {
    let mut client = Client::greeted(setup());
    client.input(Input::LoadOlder { is_retry: false });
    let effects = client.refuse(ErrorCode::RateLimited, Some(3_000));
    let [Effect::SetTimer { timer, after_ms: 3_000 }] = effects[..] else {
        panic!("not one timer of 3 s: {effects:?}")
    };
    assert!(!client.core.is_paused(), "a page request starts no pause");
    assert!(client.input(Input::Timer(timer)).contains(&send_effect("@history:1")));
    assert_eq!(client.input(Input::Timer(timer)), [], "the page is requested once");
}

#[test]
fn page_request_times_out_unless_its_bytes_are_arriving() {
    let mut client = Client::greeted(setup());
    let effects = client.input(Input::LoadOlder { is_retry: false });
    let Some(Effect::SetTimer { timer, after_ms }) = effects.last().cloned() else {
        panic!("the last effect is no timer: {effects:?}")
    };
    assert!(after_ms >= 10_000);
    client.wait(after_ms);
    // The server announces a page of 40 KiB, which takes 10 s to arrive at the lowest rate.
    client.receive("me", ServerMessage::Ping { next_bytes: Some(40 * 1024) });
    let effects = client.input(Input::Timer(timer));
    assert!(matches!(effects[..], [Effect::SetTimer { timer: again, .. }] if again == timer));
    client.wait(11_000);
    client.input(Input::Timer(timer));
    let rows = client.core.room().rows(&mut |_| 0);
    let is_failed = |row: &Row| matches!(row, Row::HistoryEdge(HistoryEdge::Failed));
    assert!(rows.iter().any(|(_, row)| is_failed(row)));
}

#[test]
fn refused_nickname_opens_the_rename_form() {
    let mut client = Client::greeted(setup());
    let effects = client.input(Input::Rename(name("taken")));
    assert_eq!(effects, [send_effect("@changename:taken")]);
    let effects = client.refuse(ErrorCode::BadNickname, None);
    assert_eq!(effects, [Effect::Page(PageEffect::OpenRename(name("taken")))]);
    client.input(Input::Closed { code: CONNECTION_LOST });
    assert_eq!(client.input(Input::Rename(name("late"))), [], "not connected");
}

#[test]
fn page_opens_at_the_first_unread_message() {
    let read_mark = Some(ReadMark { id: 60, epoch: Some("e".to_owned()) });
    let mut client = Client::new(Setup { read_mark, ..setup() });
    client.greet(page(71..=120));
    assert!(client.effects.contains(&send_effect("@history:1")), "the page has message 61");
    client.input(Input::Draw { reader: None, is_aiming: true });
    client.input(Input::Drawn { has_goal: false });
    assert!(!client.effects.contains(&Effect::Page(PageEffect::StopAiming)));
    client.receive("me", ServerMessage::History(page(21..=70)));
    let rows = client.core.room().rows(&mut |_| 0);
    assert!(rows.iter().any(|(_, row)| client.core.is_goal(row)));
    client.input(Input::Drawn { has_goal: true });
    assert!(!client.effects.contains(&Effect::Page(PageEffect::StopAiming)));
    client.input(Input::Drawn { has_goal: false });
    assert!(client.effects.contains(&Effect::Page(PageEffect::StopAiming)));
}

#[test]
fn read_mark_is_persisted_at_most_twice_a_second_and_before_leaving() {
    let mut client = Client::greeted(setup());
    client.input(Input::Timer(Timer::ReadMark));
    client.input(Input::ScrollChanged { is_at_bottom: true, is_aiming: false });
    client.effects.clear();
    for id in 121..=130 {
        client.receive("b", text_message(id, "x"));
        if id > 121 {
            client.input(Input::Drawn { has_goal: false });
        }
    }
    let persisted_marks = |client: &Client| {
        let mark_id = |effect: &Effect| match effect {
            Effect::Persist(StorageWrite::ReadMark(mark)) => Some(mark.id),
            _ => None,
        };
        client.effects.iter().filter_map(mark_id).collect::<Vec<_>>()
    };
    assert_eq!(persisted_marks(&client), [122], "no rows were drawn before message 122");
    client.input(Input::Timer(Timer::ReadMark));
    assert_eq!(persisted_marks(&client), [122, 130]);
    client.receive("b", text_message(131, "x"));
    assert_eq!(persisted_marks(&client), [122, 130]);
    client.input(Input::Leaving);
    assert_eq!(persisted_marks(&client), [122, 130, 131]);
}

#[test]
fn unattended_page_notifies_once_in_a_burst() {
    let mut client = Client::greeted(Setup { notify: true, ..setup() });
    client.receive("b", text_message(121, "seen"));
    client.input(Input::Attended(false));
    let effects = client.receive("b", text_message(122, "hello"));
    let notification = Notification {
        title: "nb · r".to_owned(),
        body: "hello".to_owned(),
        is_shown: true,
        has_sound: false,
    };
    assert_eq!(effects, [Effect::Page(PageEffect::Notify(notification))]);
    assert_eq!(client.receive("b", text_message(123, "more")), []);
    assert_eq!(
        client.receive("b", text_message(124, "@nme: you")).len(),
        1,
        "a mention always notifies"
    );
    assert_eq!(client.core.status().unread, 4);
}

#[test]
fn other_tabs_may_object_to_a_notification() {
    for has_objection in [false, true] {
        let mut client = Client::greeted(Setup { sound: true, has_channel: true, ..setup() });
        client.input(Input::Attended(false));
        let effects = client.receive("b", text_message(121, "hello"));
        assert_eq!(effects[0], Effect::PostToTabs("call r 121 tab".to_owned()));
        assert_eq!(effects[1], timer_effect(Timer::Objections(121), 150));
        if has_objection {
            client.input(Input::TabMessage("no r 121".to_owned()));
        }
        let effects = client.input(Input::Timer(Timer::Objections(121)));
        assert_eq!(effects.is_empty(), has_objection, "{effects:?}");
    }
}

#[test]
fn joins_are_announced_in_one_summary_unless_they_are_hidden() {
    for (lines_hidden, expected) in [(false, 1), (true, 0)] {
        let mut client = Client::greeted(Setup { lines_hidden, ..setup() });
        for guest in ["x", "y", "z"] {
            client.receive(guest, ServerMessage::Join(Nickname::new(guest).unwrap()));
        }
        for _ in 0..10 {
            client.tick();
        }
        assert_eq!(client.core.announcements().recent().len(), expected);
    }
}

#[test]
fn drawing_drops_messages_far_from_the_reader() {
    let mut client = Client::greeted(setup());
    for id in 121..=600 {
        client.receive("b", text_message(id, "x"));
    }
    client.input(Input::Draw { reader: None, is_aiming: false });
    // More than 400 messages were held, so all but 360 were dropped.
    let log = client.core.room().log();
    assert_eq!((log.newest(), log.oldest()), (Some(600), Some(241)));
}

#[test]
fn text_taken_back_is_not_sent() {
    let mut client = Client::new(setup());
    client.input(text_input("a"));
    let local = client.core.room().outbox().entries().next().unwrap().local;
    let effects = client.input(Input::TakeBack(local));
    assert_eq!(effects[0], Effect::Page(PageEffect::ReturnText("a".into())));
    client.greet(vec![record(1, "b", "one")]);
    assert!(!client.effects.contains(&send_effect("a")));
}
