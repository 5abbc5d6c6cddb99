//! Latency of pages during writes: of one long room, and of many rooms.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use xmeet_server::history::History;
use xmeet_server::history::sqlite::SqliteHistory;
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId, RoomId};

use super::{
    Arguments, BACKGROUND_MESSAGES_PER_SECOND, BACKGROUND_TICKS_PER_SECOND, batch, fill,
    fill_rooms, open, percentiles, room,
};

/// (b) Measures the latency of pages at any depth during writes.
pub(super) fn pages(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let deep = room(u64::MAX);
    runtime.block_on(fill(&*history, &deep, arguments.messages_deep));
    let ended = Arc::new(AtomicBool::new(false));
    let last = arguments.messages_deep.div_ceil(HISTORY_PAGE_MESSAGES) - 1;
    let places = [("deepest", last), ("middle", last / 2), ("newest", 0)];
    runtime.block_on(async {
        let writing = tokio::spawn(background(Arc::clone(&history), Arc::clone(&ended)));
        for (permit, cursor) in places {
            let ids = Cursor(cursor).ids(&(1..=arguments.messages_deep)).unwrap();
            let mut samples = read_for(&history, |_| deep.clone(), &ids, arguments.seconds).await;
            let reads = samples.len();
            let (p50, p99) = percentiles(&mut samples);
            println!(
                r#"{{"measure":"page","permit":"{permit}","cursor":{cursor},"reads":{reads},"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#
            );
            println!("page, {permit}: {p50:.0} µs, at p99 {p99:.0} µs ({reads} reads)");
        }
        ended.store(true, Ordering::Relaxed);
        let written = writing.await.unwrap();
        println!("page: {written:.0} messages/s were written meanwhile");
    });
    stop(runtime);
}

async fn read_for(
    history: &SqliteHistory,
    room: impl Fn(u64) -> RoomId,
    ids: &RangeInclusive<MessageId>,
    seconds: u64,
) -> Vec<Duration> {
    let mut samples = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        let room = room(samples.len() as u64);
        let asked = Instant::now();
        let page = history.read(&room, ids.clone()).await.unwrap();
        samples.push(asked.elapsed());
        assert_eq!(page.len() as u64, ids.end() - ids.start() + 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    samples
}

/// (f) Measures the latency of pages of many rooms, each read once, during writes.
pub(super) fn many(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let (rooms, ended) = (arguments.rooms_many, Arc::new(AtomicBool::new(false)));
    runtime.block_on(async {
        fill_rooms(&history, rooms, HISTORY_PAGE_MESSAGES).await;
        let writing = tokio::spawn(background(Arc::clone(&history), Arc::clone(&ended)));
        // The rooms are far apart in the database.
        let far = |number| room(number * (rooms / 7 + 1) % rooms);
        let ids = 1..=HISTORY_PAGE_MESSAGES;
        let mut samples = read_for(&history, far, &ids, arguments.seconds).await;
        let (p50, p99) = percentiles(&mut samples);
        println!(r#"{{"measure":"many","rooms":{rooms},"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#);
        println!("page, one of {rooms} rooms: {p50:.0} µs, at p99 {p99:.0} µs");
        ended.store(true, Ordering::Relaxed);
        writing.await.unwrap();
    });
    stop(runtime);
}

/// Writes at a steady rate into rooms in turn. Returns the rate reached.
async fn background(history: Arc<SqliteHistory>, ended: Arc<AtomicBool>) -> f64 {
    let count = BACKGROUND_MESSAGES_PER_SECOND / BACKGROUND_TICKS_PER_SECOND;
    let messages = batch(1);
    let begun = Instant::now();
    let mut ticks =
        tokio::time::interval(Duration::from_millis(1000 / BACKGROUND_TICKS_PER_SECOND));
    let mut written = 0;
    while !ended.load(Ordering::Relaxed) {
        ticks.tick().await;
        let appends = (0..count).map(|number| {
            let (history, messages) = (&history, messages.clone());
            let room = room(number + written % 1000);
            async move { history.append(&room, messages).await.unwrap() }
        });
        futures_util::future::join_all(appends).await;
        written += count;
    }
    written as f64 / begun.elapsed().as_secs_f64()
}
