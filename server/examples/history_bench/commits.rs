//! Throughput of commits when many rooms write, and latency of a single commit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmeet_server::history::History;

use super::{Arguments, batch, open, percentiles, room};

/// Appends before the timed ones.
const WARM_UP_APPENDS: u64 = 500;

/// Single appends that are timed.
const SINGLE_APPENDS: u64 = 5_000;

/// Approximate pause between two single appends, after which all threads sleep.
const REST_BETWEEN_SINGLES: Duration = Duration::from_millis(1);

/// (a) Measures the committed messages per second when many rooms write as fast as possible.
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

/// (d) Measures the latency of one message without other load.
pub(super) fn single(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, 10_000, arguments.sync);
    let room = room(1);
    let messages = batch(1);
    let mut samples = Vec::new();
    // The requesting task runs on the runtime's threads, like the server's rooms.
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
