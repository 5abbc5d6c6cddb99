//! The effect of sweeps on the latency of appends.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use xmeet_server::history::History;
use xmeet_server::history::sqlite::{Retention, SqliteHistory};

use super::{
    Arguments, BACKGROUND_MESSAGES_PER_SECOND, BACKGROUND_TICKS_PER_SECOND, batch, fill, open_with,
    percentiles, room,
};

/// (e) Measures the latency of appends before and during a sweep of expired messages.
pub(super) fn sweep(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    // All messages are new, so they expire only with a maximum age of zero.
    let retention =
        Retention { messages_max: u64::MAX >> 1, sync: arguments.sync, ..Retention::default() };
    let (history, stop) = open_with(folder, retention);
    let deep = room(u64::MAX);
    runtime.block_on(fill(&*history, &deep, arguments.messages_deep));
    let (p50, p99) =
        percentiles(&mut runtime.block_on(appends(&history, arguments.seconds, || true)));
    println!(r#"{{"measure":"sweep","removing":false,"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#);
    println!("appends, nothing removed: {p50:.0} µs, at p99 {p99:.0} µs");
    drop(history);
    stop(runtime);

    let retention = Retention {
        age_max: Some(Duration::ZERO),
        sweep_interval: Duration::from_millis(100),
        ..retention
    };
    let (history, stop) = open_with(folder, retention);
    let database = rusqlite::Connection::open(folder.join("history.sqlite3")).unwrap();
    let are_there = || {
        let row: u64 = database
            .query_row("SELECT id FROM room WHERE name = ?1", [deep.as_str()], |row| row.get(0))
            .unwrap();
        database
            .query_row("SELECT EXISTS (SELECT 1 FROM message WHERE room = ?1)", [row], |row| {
                row.get::<_, bool>(0)
            })
            .unwrap()
    };
    let begun = Instant::now();
    let mut samples = runtime.block_on(appends(&history, u64::MAX, are_there));
    let seconds = begun.elapsed().as_secs_f64();
    let (p50, p99) = percentiles(&mut samples);
    let most = samples.last().map_or(0.0, |most| most.as_secs_f64() * 1e6);
    let messages = arguments.messages_deep;
    println!(
        r#"{{"measure":"sweep","removing":true,"messages":{messages},"seconds":{seconds:.1},"p50_us":{p50:.1},"p99_us":{p99:.1},"max_us":{most:.1}}}"#
    );
    println!(
        "appends, while {messages} messages were removed in {seconds:.1} s: {p50:.0} µs, at p99 {p99:.0} µs, at most {most:.0} µs"
    );
    drop(database);
    stop(runtime);
}

/// Times appends at a steady rate to rooms in turn, until the time is over or `goes_on` returns `false`.
async fn appends(
    history: &Arc<SqliteHistory>,
    seconds: u64,
    goes_on: impl Fn() -> bool,
) -> Vec<Duration> {
    let count = BACKGROUND_MESSAGES_PER_SECOND / BACKGROUND_TICKS_PER_SECOND;
    let messages = batch(1);
    let mut ticks =
        tokio::time::interval(Duration::from_millis(1000 / BACKGROUND_TICKS_PER_SECOND));
    let (begun, mut samples, mut number) = (Instant::now(), Vec::new(), 0);
    while begun.elapsed().as_secs() < seconds {
        ticks.tick().await;
        let appends = (0..count).map(|index| {
            let (history, messages) = (Arc::clone(history), messages.clone());
            let room = room(index + number % 1000);
            // The requesting tasks run on the runtime's threads, like the server's rooms.
            tokio::spawn(async move {
                let asked = Instant::now();
                history.append(&room, messages).await.unwrap();
                asked.elapsed()
            })
        });
        let times = futures_util::future::join_all(appends).await;
        samples.extend(times.into_iter().map(Result::unwrap));
        number += count;
        if number % (BACKGROUND_MESSAGES_PER_SECOND / 4) < count && !goes_on() {
            break;
        }
    }
    samples
}
