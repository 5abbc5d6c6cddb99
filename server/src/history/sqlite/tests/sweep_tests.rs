//! Tests of the sweeper and of expired messages: they are hidden at once and deleted later, the ids
//! continue, and the space is reused.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use xmeet_shared::{Nickname, Pid, RoomId, UnixMillis};

use super::super::*;
use super::another;
use crate::clock::unix_now;
use crate::history::contract_test::{fill, room};

/// Time limit of each wait, so that a failing test does not hang.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum age of messages in these tests.
const AGE_MAX: Duration = Duration::from_secs(3600);

/// Sweep interval for tests that wait for a sweep.
const OFTEN: Duration = Duration::from_millis(20);

/// Sweep interval for tests in which no sweep may run.
const NEVER: Duration = Duration::from_secs(100_000);

fn open(folder: &TempDir, age_max: Option<Duration>, sweep_interval: Duration) -> Opened {
    let retention = Retention { age_max, sweep_interval, ..Retention::default() };
    SqliteHistory::open_with(folder.path(), &retention, Arc::default()).unwrap()
}

/// Appends messages with timestamps this long ago. Returns the first id.
async fn append_aged(
    history: &SqliteHistory,
    room: &RoomId,
    count: usize,
    seconds_ago: UnixMillis,
) -> u64 {
    let message = Arc::new(Message {
        from: Pid::new(0, 7, 1),
        nickname: Nickname::new("a").unwrap(),
        text: "x".repeat(200),
        ts: unix_now() - seconds_ago * 1000,
    });
    history.append(room, vec![message; count]).await.unwrap()
}

fn count_rows(connection: &Connection) -> u64 {
    connection.query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap()
}

async fn until_rows(folder: &TempDir, count: u64) {
    let connection = another(folder);
    let work = async {
        while count_rows(&connection) != count {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, work)
        .await
        .unwrap_or_else(|_| panic!("{} rows are left", count_rows(&connection)));
}

async fn held(history: &SqliteHistory, room: &RoomId) -> (u64, u64, usize) {
    let stored = history.load(room).await.unwrap();
    (stored.oldest, stored.newest, stored.tail.len())
}

#[tokio::test]
async fn room_with_an_invalid_name_does_not_stop_the_sweep() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), NEVER);
    for name in ["unreadable", "whole"] {
        append_aged(&history, &room(name), 10, 7200).await;
    }
    super::stop(threads).await;
    another(&folder).execute("UPDATE room SET name = '' WHERE name = 'unreadable'", []).unwrap();
    let Opened { threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    until_rows(&folder, 10).await;
    super::stop(threads).await;
}

#[tokio::test]
async fn expired_messages_are_hidden_before_they_are_deleted() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), NEVER);
    let room = room("a");
    append_aged(&history, &room, 130, 7200).await;
    assert_eq!(held(&history, &room).await, (131, 130, 0));
    append_aged(&history, &room, 20, 60).await;
    assert_eq!(held(&history, &room).await, (131, 150, 20));
    let shown = history.read(&room, 81..=150).await.unwrap();
    assert_eq!(
        shown.iter().map(|kept| kept.id).collect::<Vec<_>>(),
        (131..=150).collect::<Vec<_>>()
    );
    assert_eq!(history.read(&room, 1..=130).await.unwrap(), []);
    assert_eq!(count_rows(&another(&folder)), 150);
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_messages_of_idle_rooms_are_deleted_and_ids_continue() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    let (all_old, half, fresh) = (room("all old"), room("half"), room("fresh"));
    for number in 0..600 {
        // More rooms than one query returns.
        append_aged(&history, &room(&format!("r{number}")), 1, 7200).await;
    }
    append_aged(&history, &all_old, 2000, 7200).await;
    append_aged(&history, &half, 1500, 7200).await;
    append_aged(&history, &half, 100, 60).await;
    append_aged(&history, &fresh, 100, 60).await;
    threads.stop().await.unwrap();

    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    until_rows(&folder, 200).await;
    assert_eq!(held(&history, &half).await, (1501, 1600, 50));
    assert_eq!(held(&history, &fresh).await, (1, 100, 50));
    assert_eq!(held(&history, &all_old).await, (2001, 2000, 0));
    threads.stop().await.unwrap();

    // After a restart the ids continue even in the room without messages.
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    assert_eq!(append_aged(&history, &all_old, 1, 0).await, 2001);
    assert_eq!(append_aged(&history, &half, 1, 0).await, 1601);
    assert_eq!(held(&history, &all_old).await, (2001, 2001, 1));
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lowered_limit_trims_idle_rooms() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    append_aged(&history, &room("a"), 3000, 0).await;
    threads.stop().await.unwrap();
    let retention = Retention { messages_max: 100, sweep_interval: OFTEN, ..Retention::default() };
    let Opened { history, threads, .. } =
        SqliteHistory::open_with(folder.path(), &retention, Arc::default()).unwrap();
    until_rows(&folder, 100).await;
    assert_eq!(held(&history, &room("a")).await, (2901, 3000, 50));
    threads.stop().await.unwrap();
}

/// The clock was ahead for a moment. Older messages after that one must still expire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn future_timestamp_does_not_keep_expired_messages() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    let room = room("a");
    append_aged(&history, &room, 1, -1_000_000).await;
    append_aged(&history, &room, 40, 7200).await;
    append_aged(&history, &room, 2, 60).await;
    until_rows(&folder, 2).await;
    assert_eq!(held(&history, &room).await, (42, 43, 2));
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_from_the_past_expires_no_other() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    let (room, other) = (room("a"), room("other"));
    append_aged(&history, &room, 60, 60).await;
    append_aged(&history, &room, 50, unix_now() / 1000).await;
    append_aged(&history, &room, 50, 30).await;
    // Rooms are swept in order: once this one is swept, the first has been too.
    append_aged(&history, &other, 1, 7200).await;
    until_rows(&folder, 160).await;
    assert_eq!(held(&history, &room).await, (1, 160, 50));
    // The middle page has only wrong timestamps, but valid ones come before it.
    for ids in [1..=60, 61..=110, 111..=160] {
        let count = ids.clone().count();
        assert_eq!(history.read(&room, ids).await.unwrap().len(), count);
    }
    threads.stop().await.unwrap();
}

/// Generates the ages of a room's messages in seconds: expired, valid, or in the future.
fn ages() -> impl Strategy<Value = Vec<UnixMillis>> {
    let one = prop_oneof![Just(7200), Just(1_000_000), Just(60), Just(-1_000_000)];
    vec((one, 1..40_usize), 0..8)
        .prop_map(|runs| runs.into_iter().flat_map(|(age, count)| vec![age; count]).collect())
}

/// Returns how many of the oldest messages expire by the rule in docs/operations.md.
fn expired_count(ages: &[UnixMillis]) -> usize {
    let first_good = ages.iter().position(|age| *age == 60).unwrap_or(ages.len());
    ages[..first_good].iter().rposition(|age| *age > 3600).map_or(0, |place| place + 1)
}

/// Random rooms: reads return the same messages before and after the sweep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_and_deleted_messages_follow_the_documented_rule() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    let mut runner = TestRunner::deterministic();
    let mut rooms = Vec::new();
    for number in 0..300 {
        let (room, ages) = (room(&format!("r{number}")), ages().new_tree(&mut runner).unwrap());
        let ages = ages.current();
        for age in &ages {
            append_aged(&history, &room, 1, *age).await;
        }
        rooms.push((room, ages));
    }
    threads.stop().await.unwrap();
    let stay: usize = rooms.iter().map(|(_, ages)| ages.len() - expired_count(ages)).sum();
    for sweep_interval in [NEVER, OFTEN] {
        let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), sweep_interval);
        if sweep_interval == OFTEN {
            until_rows(&folder, stay as u64).await;
        }
        for (room, ages) in &rooms {
            let (newest, expired) = (ages.len() as u64, expired_count(ages) as u64);
            let expected = (expired + 1, newest, (newest - expired).min(50) as usize);
            assert_eq!(held(&history, room).await, expected, "{ages:?}");
            for from in (1..=newest).step_by(20) {
                let page = history.read(room, from..=from + 19).await.unwrap();
                let shown = page.iter().map(|kept| kept.id);
                let expected = from.max(expired + 1)..=newest.min(from + 19);
                assert!(shown.eq(expected), "from {from} of {ages:?}");
            }
        }
        threads.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_during_a_sweep_get_consecutive_ids() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    let rooms = [room("a"), room("b")];
    for round in 0..100 {
        for room in &rooms {
            assert_eq!(append_aged(&history, room, 40, 7200).await, round * 40 + 1);
        }
    }
    until_rows(&folder, 0).await;
    for room in &rooms {
        fill(&history, room, 1).await;
        assert_eq!(history.load(room).await.unwrap().newest, 4001);
    }
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn space_of_deleted_messages_is_reused() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), OFTEN);
    let pages = || {
        let pragma = another(&folder);
        pragma.pragma_query_value(None, "page_count", |row| row.get::<_, u64>(0)).unwrap()
    };
    let mut sizes = Vec::new();
    for _ in 0..3 {
        for number in 0..4 {
            append_aged(&history, &room(&format!("r{number}")), 2000, 7200).await;
        }
        sizes.push(pages());
        until_rows(&folder, 0).await;
    }
    assert!(sizes[0] > 300 && sizes[2] < sizes[0] * 5 / 4, "{sizes:?}");
    threads.stop().await.unwrap();
}
