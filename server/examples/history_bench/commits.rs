//! How many messages are committed when many rooms write, and how long a single one takes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmeet_server::history::History;

use super::{Arguments, batch, open, percentiles, room};

/// Appends that are made before single ones are timed.
const WARM_UP_APPENDS: u64 = 500;

/// Appends that are timed one by one.
const SINGLE_APPENDS: u64 = 5_000;

/// How long the store rests between two single appends, about: everybody sleeps again by then.
const REST_BETWEEN_SINGLES: Duration = Duration::from_millis(1);

/// (a) How many messages a second are committed when many rooms write as fast as they can.
pub(super) fn commits(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, arguments.kept, arguments.sync);
    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut samples = Vec::new();
    let seconds = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let messages = batch(arguments.outstanding);
        for number in 0..arguments.rooms {
            let (room, messages, history) = (room(number), messages.clone(), Arc::clone(&history));
            let (ended, count) = (Arc::clone(&ended), Arc::clone(&count));
            tasks.spawn(async move {
                let mut times = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    history.append(&room, messages.clone()).await.unwrap();
                    times.push(asked.elapsed());
                    count.fetch_add(messages.len() as u64, Ordering::Relaxed);
                }
                times
            });
        }
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
        let measured = (begun.elapsed().as_secs_f64(), count.load(Ordering::Relaxed));
        ended.store(true, Ordering::Relaxed);
        while let Some(times) = tasks.join_next().await {
            samples.extend(times.unwrap());
        }
        measured
    });
    let wal = std::fs::metadata(folder.join("history.sqlite3-wal")).map_or(0, |file| file.len());
    let rate = seconds.1 as f64 / seconds.0;
    let (p50, p99) = percentiles(&mut samples);
    println!(
        r#"{{"measure":"commits","rooms":{},"outstanding":{},"messages_per_second":{rate:.0},"append_p50_us":{p50:.1},"append_p99_us":{p99:.1},"wal_bytes":{wal}}}"#,
        arguments.rooms, arguments.outstanding
    );
    println!(
        "commits: {rate:.0} messages/s; an append took {p50:.0} µs, at p99 {p99:.0} µs; the WAL has {} MiB",
        wal >> 20
    );
    stop(runtime);
}

/// (d) How long one message takes when nothing else goes on.
pub(super) fn single(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, 10_000, arguments.sync);
    let room = room(1);
    let messages = batch(1);
    let mut samples = Vec::new();
    // As the server's rooms do, the asking task runs on the runtime's own threads.
    let asking = runtime.spawn(async move {
        for number in 0..WARM_UP_APPENDS + SINGLE_APPENDS {
            let asked = Instant::now();
            history.append(&room, messages.clone()).await.unwrap();
            if number >= WARM_UP_APPENDS {
                samples.push(asked.elapsed());
            }
            tokio::time::sleep(REST_BETWEEN_SINGLES).await;
        }
        samples
    });
    let mut samples = runtime.block_on(asking).unwrap();
    let (p50, p99) = percentiles(&mut samples);
    println!(
        r#"{{"measure":"single","appends":{SINGLE_APPENDS},"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#
    );
    println!("single: an append took {p50:.1} µs, at p99 {p99:.1} µs");
    stop(runtime);
}
