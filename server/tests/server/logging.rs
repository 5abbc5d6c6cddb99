//! The log of the real binary: its content, its filter, and that client input cannot break its lines.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::path;
use crate::support::{Client, Process, raw, until};

/// Part of everything that the hostile client sends, in any encoding.
const MARK: &str = "XMARKX";

/// A text that would start a new line, colour a terminal, or end a JSON string, if it were logged.
const HOSTILE: &str = "XMARKX\n2026-01-01T00:00:00.000000Z ERROR forged: XMARKX\r\u{1b}[31m\u{9b}2J\",\"level\":\"X\u{2028}\u{202e}\0";

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Sends the hostile text in every part of a request.
async fn hostile_requests(process: &Process) {
    let hostile = percent(HOSTILE);
    for path in [
        format!("/{hostile}"),
        format!("/room/{hostile}"),
        format!("/xgate/websocket/{hostile}"),
        format!("/xgate/websocket/r?nickname={hostile}"),
        format!("/xgate/websocket/r?session={hostile}"),
        format!("/qr.svg?text={hostile}"),
        format!("/qr.svg?text={MARK}%FF"),
        format!("/healthz?{hostile}"),
    ] {
        let (response, _) = raw::upgrade(process.address, &path, &[]).await;
        assert_ne!(response.status, 500, "{path}");
    }
    // Without line ends, which would end the header.
    let header = "XMARKX \t\u{9b}31m \u{2028} \",\"level\":\"X";
    for name in [
        "Origin",
        "Cookie",
        "User-Agent",
        "X-Forwarded-For",
        "Forwarded",
        "Accept-Language",
        "Host",
    ] {
        for value in [header, &format!("nickname={hostile}")] {
            raw::upgrade(process.address, &path("r", MARK), &[(name, value)]).await;
        }
    }
}

/// Sends bytes that are not HTTP.
async fn garbage(process: &Process) {
    let requests: [&[u8]; 9] = [
        HOSTILE.as_bytes(),
        b"\x16\x03\x01\x02\x00XMARKX\n\x1b[31m",
        b"GET /XMARKX\x1b[31m HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nXMARKX\x1b[31m: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: XMARKX\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\n\nXMARKX\n\n",
        b"GET / XMARKX/9\r\n\r\n",
        b"XMARKX\x1b / HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: XMARKX\r\n\r\n",
    ];
    for bytes in requests {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        raw::read_rest(&mut stream).await;
    }
}

/// Sends the hostile text in every kind of frame.
async fn hostile_frames(process: &Process) {
    let text = HOSTILE.as_bytes();
    let reason = [&1000_u16.to_be_bytes(), text].concat();
    let invalid = [&1000_u16.to_be_bytes(), &b"XMARKX\xff\n"[..]].concat();
    let rename = format!("@changename:{HOSTILE}");
    let cursor = format!("@history:{HOSTILE}");
    let [message, rename, cursor] =
        [text, rename.as_bytes(), cursor.as_bytes()].map(|text| raw::frame(0x81, text));
    let lasts = [
        raw::frame(0x88, &reason),
        raw::frame(0x88, &invalid),
        raw::frame(0x81, b"XMARKX\xff\xfe\n"),
        raw::frame(0xf1, text),
        raw::frame(0x83, text),
        text.to_vec(),
    ];
    for last in lasts {
        let client = Client::enter(process.address, "r", HOSTILE).await;
        let binary = raw::frame(0x82, text);
        let ping = raw::frame(0x89, text);
        let all = [&message, &rename, &cursor, &binary, &ping, &last].map(Vec::as_slice).concat();
        client.end_with(&all).await;
    }
}

/// Returns the log of a server with the most verbose filter after all hostile input.
async fn log_of_an_attack(format: &str) -> String {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(["--log", "trace", "--log-format", format, "--log-addresses"]);
    let process = Process::spawn(command);
    hostile_requests(&process).await;
    garbage(&process).await;
    hostile_frames(&process).await;
    let log = process.stopped().await;
    assert!(log.ends_with('\n'));
    for marks in [MARK, "forged", "panicked"] {
        assert!(!log.contains(marks), "{marks}: {log}");
    }
    assert!(log.contains("a request could not be served"), "garbage is worth a line: {log}");
    log
}

fn is_timestamp(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000000Z";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(found, expected)| {
            if expected == '0' { found.is_ascii_digit() } else { found == expected }
        })
}

const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

#[tokio::test]
async fn client_input_cannot_break_a_text_line() {
    let log = log_of_an_attack("text").await;
    for line in log.split_terminator('\n') {
        assert!(!line.contains(char::is_control), "{line:?}");
        let mut words = line.split_ascii_whitespace();
        assert!(is_timestamp(words.next().unwrap_or_default()), "{line:?}");
        assert!(LEVELS.contains(&words.next().unwrap_or_default()), "{line:?}");
    }
}

#[tokio::test]
async fn client_input_cannot_break_a_json_line() {
    let log = log_of_an_attack("json").await;
    for line in log.split_terminator('\n') {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        assert!(is_timestamp(text("timestamp")), "{line}");
        assert!(LEVELS.contains(&text("level")), "{line}");
        assert!(!text("message").is_empty() && !text("target").is_empty(), "{line}");
    }
}

/// Returns the events about connections as (message, event).
fn events(log: &str, message: &str) -> Vec<Value> {
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["message"] == message).collect()
}

#[tokio::test]
async fn connection_is_logged_at_its_start_and_end() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(["--log-format", "json"]);
    let process = Process::spawn(command);
    let mut a = Client::enter(process.address, "r", "a").await;
    a.say("hello").await;
    let ends = async |count: usize| {
        until("an end", async || process.logged().matches("disconnected").count() == count).await;
    };
    a.leave().await;
    ends(1).await;
    Client::enter(process.address, "r", "b").await.lose().await;
    ends(2).await;
    Client::enter(process.address, "r", "c").await.end_with(&[0x81, 1, b'x']).await;
    ends(3).await;
    let mut d = Client::enter(process.address, "r", "d").await;
    let (log, code) = tokio::join!(process.stopped(), d.closed());
    assert_eq!(code, 1001);
    assert!(!log.contains("address"), "not unless it is asked for: {log}");
    let (began, ended) =
        (events(&log, "a client connected"), events(&log, "a client disconnected"));
    let ids = |events: &[Value]| -> Vec<_> {
        events.iter().map(|event| event["connection"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&began), ids(&ended));
    let ends: Vec<_> =
        ended.iter().map(|e| (e["by"].as_str().unwrap(), e["code"].as_u64())).collect();
    let expected =
        [("client", Some(1000)), ("network", None), ("server", Some(1002)), ("server", Some(1001))];
    assert_eq!(ends, expected);
    for event in &ended {
        assert!(event["duration_ms"].is_u64() && !event["reason"].as_str().unwrap().is_empty());
        assert!(event["sent_bytes"].as_u64().unwrap() > 100, "its greeting at least: {event}");
    }
    assert_eq!(ended[0]["received_messages"], 1);
    // The message and the Close frame, each with a header and a mask.
    assert_eq!(ended[0]["received_bytes"], 6 + 5 + 6 + 2);
}

#[tokio::test]
async fn addresses_are_logged_only_if_enabled() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(["--log-format", "json", "--log-addresses"]);
    let process = Process::spawn(command);
    Client::enter(process.address, "r", "a").await.leave().await;
    let log = process.stopped().await;
    let address = events(&log, "a client connected")[0]["address"].as_str().unwrap().to_owned();
    assert_eq!(address, "127.0.0.1");
}

/// Starts a server whose settings file has a filter for warnings. Returns it with the file.
fn quiet(folder: &TempDir) -> (Process, std::path::PathBuf) {
    let settings = folder.path().join("xmeet.toml");
    // The helper waits for the ready line, which needs the level info.
    fs::write(&settings, "log = \"warn,xmeet_server=info,xmeet_server::session=warn\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--listen", "127.0.0.1:0", "--config"]).arg(&settings);
    command.arg("--data-dir").arg(folder.path().join("data"));
    (Process::spawn(command), settings)
}

#[tokio::test]
async fn sighup_applies_the_filter_of_the_settings_file() {
    let folder = TempDir::new().unwrap();
    let (process, settings) = quiet(&folder);
    Client::enter(process.address, "r", "a").await.leave().await;
    fs::write(&settings, "log = \"info\"\n").unwrap();
    process.signal("HUP");
    process.logs("log filter changed").await;
    assert!(!process.logged().contains("a client"), "{}", process.logged());
    let mut b = Client::enter(process.address, "r", "b").await;
    process.logs("a client connected").await;
    // An invalid filter changes nothing.
    fs::write(&settings, "log = \"==\"\n").unwrap();
    process.signal("HUP");
    process.logs("failed to change the log filter").await;
    fs::write(&settings, "no-such-thing = 1\n").unwrap();
    process.signal("HUP");
    process.logs("failed to reread the settings").await;
    b.say("still there").await;
    b.leave().await;
    process.logs("a client disconnected").await;
}

#[tokio::test]
async fn sigusr1_and_sigusr2_change_the_log_filter() {
    let folder = TempDir::new().unwrap();
    let (process, _settings) = quiet(&folder);
    for filter in ["debug", "trace", "trace"] {
        let before = process.logged().matches("log filter changed").count();
        process.signal("USR1");
        let changed = async || process.logged().matches("log filter changed").count() > before;
        until("log filter changed", changed).await;
        let log = process.logged();
        let line = log.lines().rfind(|line| line.contains("log filter changed")).unwrap();
        assert!(line.contains(&format!("filter={filter:?}")), "{line}");
    }
    Client::enter(process.address, "r", "a").await.leave().await;
    process.logs("a client disconnected").await;
    process.signal("USR2");
    process.logs("xmeet_server::session=warn").await;
    let before = process.logged().matches("a client").count();
    Client::enter(process.address, "r", "b").await.leave().await;
    let log = process.stopped().await;
    assert_eq!(log.matches("a client").count(), before, "{log}");
}

/// systemd sets `JOURNAL_STREAM` to the file that is the journal. The prefix is written if standard error
/// is that file.
#[tokio::test]
async fn severity_prefix_is_written_only_for_the_journal() {
    for is_journal in [true, false] {
        let folder = TempDir::new().unwrap();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        let entry = file.metadata().unwrap();
        let inode = if is_journal { entry.ino() } else { entry.ino() + 1 };
        let mut command = Process::command(&folder.path().join("data"));
        command.env("JOURNAL_STREAM", format!("{}:{inode}", entry.dev())).stderr(file);
        let mut child = command.spawn().unwrap();
        let said = || fs::read_to_string(&log).unwrap();
        until("it is ready", async || said().contains("is ready")).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let said = said();
        // The missing limits cause a warning.
        let warning = said.lines().find(|line| line.contains("no-limits")).unwrap();
        let ready = said.lines().find(|line| line.contains("is ready")).unwrap();
        let begins = |line: &str, severity| line.starts_with(severity);
        assert_eq!((begins(warning, "<4>"), begins(ready, "<6>")), (is_journal, is_journal));
    }
}
