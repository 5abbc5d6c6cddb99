//! What is too old, or too much in a room that nobody writes to, is not shown and then removed; ids
//! go on, and space is used again.

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

/// How long anything may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// How old a message may be here.
const AGE_MAX: Duration = Duration::from_secs(3600);

/// So often is looked where a test waits for it.
const SOON: Duration = Duration::from_millis(20);

/// So seldom where a test wants nothing to be removed.
const NEVER: Duration = Duration::from_secs(100_000);

fn open(folder: &TempDir, age_max: Option<Duration>, sweep_every: Duration) -> Opened {
    let keeping = Keeping { age_max, sweep_every, ..Keeping::default() };
    SqliteHistory::open_with(folder.path(), &keeping, Arc::default()).unwrap()
}

/// Appends messages that were said so long ago.
async fn say(history: &SqliteHistory, room: &RoomId, count: usize, seconds_ago: UnixMillis) -> u64 {
    let message = Arc::new(Message {
        from: Pid::new(0, 7, 1),
        nickname: Nickname::new("a").unwrap(),
        text: "x".repeat(200),
        ts: unix_now() - seconds_ago * 1000,
    });
    history.append(room, vec![message; count]).await.unwrap()
}

fn rows(connection: &Connection) -> u64 {
    connection.query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap()
}

async fn until_rows(folder: &TempDir, count: u64) {
    let connection = another(folder);
    let work = async {
        while rows(&connection) != count {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{} rows stay", rows(&connection)));
}

async fn held(history: &SqliteHistory, room: &RoomId) -> (u64, u64, usize) {
    let stored = history.load(room).await.unwrap();
    (stored.oldest, stored.newest, stored.tail.len())
}

#[tokio::test]
async fn what_is_too_old_is_not_shown_though_it_is_still_there() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), NEVER);
    let room = room("a");
    say(&history, &room, 130, 7200).await;
    assert_eq!(held(&history, &room).await, (131, 130, 0));
    say(&history, &room, 20, 60).await;
    assert_eq!(held(&history, &room).await, (131, 150, 20));
    let shown = history.read(&room, 81..=150).await.unwrap();
    assert_eq!(
        shown.iter().map(|kept| kept.id).collect::<Vec<_>>(),
        (131..=150).collect::<Vec<_>>()
    );
    assert_eq!(history.read(&room, 1..=130).await.unwrap(), []);
    assert_eq!(rows(&another(&folder)), 150);
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_is_removed_where_nobody_writes_and_ids_go_on() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    let (all_old, half, fresh) = (room("all old"), room("half"), room("fresh"));
    for number in 0..600 {
        // More rooms than one look shows.
        say(&history, &room(&format!("r{number}")), 1, 7200).await;
    }
    say(&history, &all_old, 2000, 7200).await;
    say(&history, &half, 1500, 7200).await;
    say(&history, &half, 100, 60).await;
    say(&history, &fresh, 100, 60).await;
    threads.stop().await.unwrap();

    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    until_rows(&folder, 200).await;
    assert_eq!(held(&history, &half).await, (1501, 1600, 50));
    assert_eq!(held(&history, &fresh).await, (1, 100, 50));
    assert_eq!(held(&history, &all_old).await, (2001, 2000, 0));
    threads.stop().await.unwrap();

    // Another start knows how far the ids have come, though no message tells.
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    assert_eq!(say(&history, &all_old, 1, 0).await, 2001);
    assert_eq!(say(&history, &half, 1, 0).await, 1601);
    assert_eq!(held(&history, &all_old).await, (2001, 2001, 1));
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lowered_limit_takes_hold_where_nobody_writes() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    say(&history, &room("a"), 3000, 0).await;
    threads.stop().await.unwrap();
    let keeping = Keeping { messages_max: 100, sweep_every: SOON, ..Keeping::default() };
    let Opened { history, threads, .. } =
        SqliteHistory::open_with(folder.path(), &keeping, Arc::default()).unwrap();
    until_rows(&folder, 100).await;
    assert_eq!(held(&history, &room("a")).await, (2901, 3000, 50));
    threads.stop().await.unwrap();
}

/// A clock that was years ahead for a moment does not keep what was said before and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_from_the_future_keeps_nothing() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    let room = room("a");
    say(&history, &room, 1, -1_000_000).await;
    say(&history, &room, 40, 7200).await;
    say(&history, &room, 2, 60).await;
    until_rows(&folder, 2).await;
    assert_eq!(held(&history, &room).await, (42, 43, 2));
    threads.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_behind_for_a_moment_takes_nothing_with_it() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    let (room, other) = (room("a"), room("other"));
    say(&history, &room, 60, 60).await;
    say(&history, &room, 50, unix_now() / 1000).await;
    say(&history, &room, 50, 30).await;
    // Once this one is swept, the first has been looked at.
    say(&history, &other, 1, 7200).await;
    until_rows(&folder, 160).await;
    assert_eq!(held(&history, &room).await, (1, 160, 50));
    // A page of nothing but the wrong times has a room of good ones before it.
    for ids in [1..=60, 61..=110, 111..=160] {
        let count = ids.clone().count();
        assert_eq!(history.read(&room, ids).await.unwrap().len(), count);
    }
    threads.stop().await.unwrap();
}

/// How long ago messages are said, in seconds: too long, rightly, by a clock that is ahead.
fn whens() -> impl Strategy<Value = Vec<UnixMillis>> {
    let one = prop_oneof![Just(7200), Just(1_000_000), Just(60), Just(-1_000_000)];
    vec((one, 1..40_usize), 0..8)
        .prop_map(|runs| runs.into_iter().flat_map(|(when, count)| vec![when; count]).collect())
}

/// How many of the oldest go, as docs/operations.md says it.
fn gone(whens: &[UnixMillis]) -> usize {
    let first_good = whens.iter().position(|when| *when == 60).unwrap_or(whens.len());
    whens[..first_good].iter().rposition(|when| *when > 3600).map_or(0, |place| place + 1)
}

/// Random rooms: what is shown is what stays, before and after the rest has been removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_and_then_removed_is_what_the_rule_says() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, None, NEVER);
    let mut runner = TestRunner::deterministic();
    let mut rooms = Vec::new();
    for number in 0..300 {
        let (room, whens) = (room(&format!("r{number}")), whens().new_tree(&mut runner).unwrap());
        let whens = whens.current();
        for when in &whens {
            say(&history, &room, 1, *when).await;
        }
        rooms.push((room, whens));
    }
    threads.stop().await.unwrap();
    let stay: usize = rooms.iter().map(|(_, whens)| whens.len() - gone(whens)).sum();
    for sweep_every in [NEVER, SOON] {
        let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), sweep_every);
        if sweep_every == SOON {
            until_rows(&folder, stay as u64).await;
        }
        for (room, whens) in &rooms {
            let (newest, gone) = (whens.len() as u64, gone(whens) as u64);
            let expected = (gone + 1, newest, (newest - gone).min(50) as usize);
            assert_eq!(held(&history, room).await, expected, "{whens:?}");
            for from in (1..=newest).step_by(20) {
                let page = history.read(room, from..=from + 19).await.unwrap();
                let shown = page.iter().map(|kept| kept.id);
                let expected = from.max(gone + 1)..=newest.min(from + 19);
                assert!(shown.eq(expected), "from {from} of {whens:?}");
            }
        }
        threads.stop().await.unwrap();
    }
}

/// Messages are said and removed at the same time in the same rooms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_meanwhile_has_its_ids() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    let rooms = [room("a"), room("b")];
    for round in 0..100 {
        for room in &rooms {
            assert_eq!(say(&history, room, 40, 7200).await, round * 40 + 1);
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
async fn space_is_used_again() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open(&folder, Some(AGE_MAX), SOON);
    let pages = || {
        let pragma = another(&folder);
        pragma.pragma_query_value(None, "page_count", |row| row.get::<_, u64>(0)).unwrap()
    };
    let mut sizes = Vec::new();
    for _ in 0..3 {
        for number in 0..4 {
            say(&history, &room(&format!("r{number}")), 2000, 7200).await;
        }
        sizes.push(pages());
        until_rows(&folder, 0).await;
    }
    assert!(sizes[0] > 300 && sizes[2] < sizes[0] * 5 / 4, "{sizes:?}");
    threads.stop().await.unwrap();
}
