//! Measures the history's engine alone: commits, pages under load, pages of many rooms, start-up, a
//! single commit, and what appends notice of old messages being removed.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmeet_server::history::History;
use xmeet_server::history::sqlite::{Keeping, Opened, SqliteHistory, SyncMode};
use xmeet_server::room::Message;
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId, Nickname, Pid, RoomId};

/// Text of each message, in bytes.
const TEXT_BYTES: usize = 128;

/// Messages of one append while a store is being filled.
const FILL_MESSAGES: u64 = 500;

/// Messages that are written each second while pages are read, and how many times a second.
const BACKGROUND_MESSAGES_PER_SECOND: u64 = 5_000;
const BACKGROUND_TICKS_PER_SECOND: u64 = 100;

/// Appends that are made before single ones are timed.
const WARM_UP_APPENDS: u64 = 500;

/// Appends that are timed one by one.
const SINGLE_APPENDS: u64 = 5_000;

/// How long the store rests between two single appends, about: everybody sleeps again by then.
const REST_BETWEEN_SINGLES: Duration = Duration::from_millis(1);

/// Measures the history's engine alone.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rooms that write at once
    #[arg(long, default_value_t = 1_000)]
    rooms: u64,
    /// Messages that each of them has outstanding, as one append
    #[arg(long, default_value_t = 32)]
    outstanding: usize,
    /// How long commits and pages are measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Messages kept of each room while commits are measured
    #[arg(long, default_value_t = 10_000)]
    kept: u64,
    /// Messages of the room whose pages are read
    #[arg(long, default_value_t = 1_000_000)]
    messages_deep: u64,
    /// Rooms of one page each whose pages are read
    #[arg(long, default_value_t = 100_000)]
    rooms_many: u64,
    /// Messages stored when the time to start is measured
    #[arg(long, default_value_t = 10_000_000)]
    stored: u64,
    /// What a commit waits for
    #[arg(long, value_enum, default_value_t)]
    sync: SyncMode,
    /// What is measured
    #[arg(long, value_delimiter = ',', default_value = "commits,pages,many,start,single,sweep")]
    only: Vec<String>,
    /// Folder below which the data is put for the time of the measurement
    #[arg(long, default_value = "/tmp")]
    folder: std::path::PathBuf,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    for name in &arguments.only {
        let folder = tempfile::Builder::new()
            .prefix("xmeet-history-bench")
            .tempdir_in(&arguments.folder)
            .expect("the folder can be made");
        match name.as_str() {
            "commits" => commits(&runtime, folder.path(), &arguments),
            "pages" => pages(&runtime, folder.path(), &arguments),
            "many" => many(&runtime, folder.path(), &arguments),
            "start" => start(&runtime, folder.path(), &arguments),
            "single" => single(&runtime, folder.path(), &arguments),
            "sweep" => sweep(&runtime, folder.path(), &arguments),
            other => panic!("{other} cannot be measured"),
        }
    }
}

fn open(folder: &Path, kept: u64, sync: SyncMode) -> (Arc<SqliteHistory>, impl FnOnce(&Runtime)) {
    open_with(folder, Keeping { messages_max: kept, sync, ..Keeping::default() })
}

fn open_with(folder: &Path, keeping: Keeping) -> (Arc<SqliteHistory>, impl FnOnce(&Runtime)) {
    let Opened { history, threads, .. } =
        SqliteHistory::open_with(folder, &keeping, Arc::default()).unwrap();
    (Arc::new(history), move |runtime: &Runtime| runtime.block_on(threads.stop()).unwrap())
}

fn room(number: u64) -> RoomId {
    RoomId::new(&format!("room-{number}")).unwrap()
}

fn batch(count: usize) -> Vec<Arc<Message>> {
    let message = |number: usize| {
        Arc::new(Message {
            from: Pid::new(0, 7, number as u64),
            nickname: Nickname::new("somebody").unwrap(),
            text: "x".repeat(TEXT_BYTES),
            ts: 1_793_869_501_042,
        })
    };
    (0..count).map(message).collect()
}

async fn fill(history: &dyn History, room: &RoomId, count: u64) {
    let messages = batch(FILL_MESSAGES as usize);
    let mut left = count as usize;
    while left > 0 {
        let now = left.min(messages.len());
        history.append(room, messages[..now].to_vec()).await.unwrap();
        left -= now;
    }
}

/// (a) How many messages a second are committed when many rooms write as fast as they can.
fn commits(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
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

/// (b) How long a page takes, wherever it is, while others write.
fn pages(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let deep = room(u64::MAX);
    runtime.block_on(fill(&*history, &deep, arguments.messages_deep));
    let ended = Arc::new(AtomicBool::new(false));
    let last = arguments.messages_deep.div_ceil(HISTORY_PAGE_MESSAGES) - 1;
    let places = [("deepest", last), ("middle", last / 2), ("newest", 0)];
    runtime.block_on(async {
        let writing = tokio::spawn(background(Arc::clone(&history), Arc::clone(&ended)));
        for (place, cursor) in places {
            let ids = Cursor(cursor).ids(&(1..=arguments.messages_deep)).unwrap();
            let mut samples = read_for(&history, |_| deep.clone(), &ids, arguments.seconds).await;
            let reads = samples.len();
            let (p50, p99) = percentiles(&mut samples);
            println!(
                r#"{{"measure":"page","place":"{place}","cursor":{cursor},"reads":{reads},"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#
            );
            println!("page, {place}: {p50:.0} µs, at p99 {p99:.0} µs ({reads} reads)");
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

/// (f) How long a page takes where there are many rooms, each read once, while others write.
fn many(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let (rooms, ended) = (arguments.rooms_many, Arc::new(AtomicBool::new(false)));
    runtime.block_on(async {
        fill_rooms(&history, rooms, HISTORY_PAGE_MESSAGES).await;
        let writing = tokio::spawn(background(Arc::clone(&history), Arc::clone(&ended)));
        // Far from one another.
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

async fn fill_rooms(history: &Arc<SqliteHistory>, rooms: u64, each: u64) {
    let mut tasks = JoinSet::new();
    for number in 0..rooms {
        let history = Arc::clone(history);
        tasks.spawn(async move { fill(&*history, &room(number), each).await });
    }
    while let Some(filled) = tasks.join_next().await {
        filled.unwrap();
    }
}

/// Writes at a steady rate into rooms in turn; answers with the rate reached.
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

/// (c) How long it takes to open a large store and load a room.
fn start(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let each = arguments.stored / arguments.rooms;
    runtime.block_on(fill_rooms(&history, arguments.rooms, each));
    drop(history);
    stop(runtime);
    let begun = Instant::now();
    let (history, stop) = open(folder, u64::MAX >> 1, arguments.sync);
    let opened = begun.elapsed();
    let stored = runtime.block_on(history.load(&room(arguments.rooms / 2))).unwrap();
    let loaded = begun.elapsed();
    assert_eq!(stored.newest, each);
    let (opened, loaded) = (opened.as_secs_f64() * 1e3, loaded.as_secs_f64() * 1e3);
    println!(
        r#"{{"measure":"start","stored":{},"rooms":{},"open_ms":{opened:.2},"open_and_load_ms":{loaded:.2}}}"#,
        arguments.stored, arguments.rooms
    );
    println!("start: opened in {opened:.1} ms, the first room loaded after {loaded:.1} ms");
    stop(runtime);
}

/// (d) How long one message takes when nothing else goes on.
fn single(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
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

/// (e) How long appends take while messages that are too old are removed, and before.
fn sweep(runtime: &Runtime, folder: &Path, arguments: &Arguments) {
    // What is stored here is of one fixed day, long ago or far ahead of any age but this one.
    let keeping =
        Keeping { messages_max: u64::MAX >> 1, sync: arguments.sync, ..Keeping::default() };
    let (history, stop) = open_with(folder, keeping);
    let deep = room(u64::MAX);
    runtime.block_on(fill(&*history, &deep, arguments.messages_deep));
    let (p50, p99) =
        percentiles(&mut runtime.block_on(appends(&history, arguments.seconds, || true)));
    println!(r#"{{"measure":"sweep","removing":false,"p50_us":{p50:.1},"p99_us":{p99:.1}}}"#);
    println!("appends, nothing removed: {p50:.0} µs, at p99 {p99:.0} µs");
    drop(history);
    stop(runtime);

    let keeping = Keeping {
        age_max: Some(Duration::ZERO),
        sweep_every: Duration::from_millis(100),
        ..keeping
    };
    let (history, stop) = open_with(folder, keeping);
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

/// Times appends at a steady rate, to rooms in turn, for so many seconds at most and while it is
/// said to go on, which is asked a few times a second.
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
        let appends = (0..count).map(|place| {
            let (history, messages) = (Arc::clone(history), messages.clone());
            let room = room(place + number % 1000);
            // As the server's rooms do, the asking tasks run on the runtime's own threads.
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

/// The median and the 99th percentile, in microseconds.
fn percentiles(samples: &mut [Duration]) -> (f64, f64) {
    samples.sort_unstable();
    let at = |share: f64| {
        let place = (samples.len() as f64 * share) as usize;
        samples[place.min(samples.len() - 1)].as_secs_f64() * 1e6
    };
    (at(0.5), at(0.99))
}
