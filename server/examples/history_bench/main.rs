//! Measures the history's engine alone: commits, pages under load, pages of many rooms, start-up, a single
//! commit, and the effect of sweeps on appends.

mod commits;
mod pages;
mod sweep;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmeet_server::history::History;
use xmeet_server::history::sqlite::{Opened, Retention, SqliteHistory, SyncMode};
use xmeet_server::room::Message;
use xmeet_shared::{Nickname, Pid, RoomId, UnixMillis};

/// Text of each message, in bytes.
const TEXT_BYTES: usize = 128;

/// Messages per append while a store is filled.
const FILL_MESSAGES: u64 = 500;

/// Messages written per second while pages are read, and appends per second.
const BACKGROUND_MESSAGES_PER_SECOND: u64 = 5_000;
const BACKGROUND_TICKS_PER_SECOND: u64 = 100;

/// Measures the history's engine alone.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rooms that write at once
    #[arg(long, default_value_t = 1_000)]
    rooms: u64,
    /// Messages that each of them has outstanding, as one append
    #[arg(long, default_value_t = 32)]
    outstanding: usize,
    /// Duration of the measurements of commits and pages
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
    /// The sync mode of commits
    #[arg(long, value_enum, default_value_t)]
    sync: SyncMode,
    /// The measurement
    #[arg(long, value_delimiter = ',', default_value = "commits,pages,many,start,single,sweep")]
    only: Vec<String>,
    /// Folder for the temporary data
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
            "commits" => commits::commits(&runtime, folder.path(), &arguments),
            "pages" => pages::pages(&runtime, folder.path(), &arguments),
            "many" => pages::many(&runtime, folder.path(), &arguments),
            "start" => start(&runtime, folder.path(), &arguments),
            "single" => commits::single(&runtime, folder.path(), &arguments),
            "sweep" => sweep::sweep(&runtime, folder.path(), &arguments),
            other => panic!("{other} cannot be measured"),
        }
    }
}

fn open(folder: &Path, kept: u64, sync: SyncMode) -> (Arc<SqliteHistory>, impl FnOnce(&Runtime)) {
    open_with(folder, Retention { messages_max: kept, sync, ..Retention::default() })
}

fn open_with(folder: &Path, retention: Retention) -> (Arc<SqliteHistory>, impl FnOnce(&Runtime)) {
    let Opened { history, threads, .. } =
        SqliteHistory::open_with(folder, &retention, Arc::default()).unwrap();
    (Arc::new(history), move |runtime: &Runtime| runtime.block_on(threads.stop()).unwrap())
}

fn room(number: u64) -> RoomId {
    RoomId::new(&format!("room-{number}")).unwrap()
}

/// Creates messages with the current time.
fn batch(count: usize) -> Vec<Arc<Message>> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ts = since_1970.as_millis() as UnixMillis;
    let message = |number: usize| {
        Arc::new(Message {
            from: Pid::new(0, 7, number as u64),
            nickname: Nickname::new("writer").unwrap(),
            text: "x".repeat(TEXT_BYTES),
            ts,
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

/// (c) Measures the time to open a large store and load a room.
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

/// Returns the median and the 99th percentile in microseconds.
fn percentiles(samples: &mut [Duration]) -> (f64, f64) {
    samples.sort_unstable();
    let at = |share: f64| {
        let permit = (samples.len() as f64 * share) as usize;
        samples[permit.min(samples.len() - 1)].as_secs_f64() * 1e6
    };
    (at(0.5), at(0.99))
}
