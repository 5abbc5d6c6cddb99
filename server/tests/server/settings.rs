//! What an operator sets, on the real binary: what is wrong is found before anything begins, and
//! what counts is said.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Client, Process};

/// The longest that a member whose cable was pulled is seen by default, in seconds.
const DEAD_SECONDS_MAX: u64 = 60;

/// `xmeet` in a folder of its own.
fn xmeet(folder: &TempDir, action: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    // A port that nobody else has.
    command.current_dir(folder.path()).arg(action).env("XMEET_LISTEN", "127.0.0.1:0");
    command
}

/// Its exit code, what it printed, and what it said of errors.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_and_serve_refuse_the_same_before_anything_is_bound() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("xmeet.toml");
    // Whoever binds first would complain of this.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = |action: &str, text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = xmeet(&folder, action);
        outcome(command.args(["--listen", &address, "--config"]).arg(&file))
    };
    // Starting again helps where the code is 1.
    for (text, key, reason, expected) in [
        ("no-such-thing = 1\n", "no-such-thing", "there is no such setting", 2),
        ("history-messages = \"many\"\n", "history-messages", "\"many\" cannot be used", 2),
        ("data-dir = \"/proc/xmeet\"\n", "data-dir", "/proc is not writable", 1),
        (
            "tls-certificate = \"/nowhere/c.pem\"\ntls-key = \"/nowhere/k.pem\"\n",
            "tls-certificate",
            "/nowhere/c.pem",
            2,
        ),
    ] {
        for action in ["check", "serve"] {
            let (code, _, said) = run(action, text);
            assert_eq!(code, expected, "{action} {text}");
            let place = format!("{}:1", file.display());
            for words in [place.as_str(), key, reason] {
                assert!(said.contains(words), "{action} {text} {words}: {said}");
            }
            assert!(!said.contains("cannot listen"), "{action} {text}: {said}");
        }
    }
    // Only then is it tried.
    let (code, _, said) = run("check", "");
    assert!(code == 1 && said.contains("error: listen: Address already in use"), "{said}");
    let (code, _, said) = run("serve", "");
    assert!(code == 1 && said.contains("cannot listen"), "{said}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_where_it_stands() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("xmeet.toml");
    fs::write(&file, "no-such-thing = 1\nping-seconds = 0\nframe-bytes-max = 0\n").unwrap();
    let mut command = xmeet(&folder, "check");
    command.env("XMEET_HISTORY_DAYS", "many").env("XMEET_CONFIG", &file);
    let (code, printed, said) = outcome(&mut command);
    assert_eq!((code, printed.as_str()), (2, ""), "{said}");
    let file = file.display();
    for begins in [
        "environment, XMEET_HISTORY_DAYS: history-days: \"many\" cannot be used: ",
        &format!("{file}:1: no-such-thing: there is no such setting"),
        &format!("{file}:2: ping-seconds: \"0\" cannot be used: "),
        &format!("{file}:3: frame-bytes-max: \"0\" cannot be used: "),
    ] {
        let begins = format!("xmeet: error: {begins}");
        assert!(said.lines().any(|line| line.starts_with(&begins)), "{begins}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn what_is_misspelt_is_found() {
    let folder = TempDir::new().unwrap();
    let (code, _, said) = outcome(xmeet(&folder, "check").args(["--log", "inof"]));
    assert!(code == 2 && said.contains("log: \"inof\" is none of error, warn, info"), "{said}");
    for nothing in ["", ",", " "] {
        let (code, _, said) = outcome(xmeet(&folder, "check").args(["--log", nothing]));
        assert!(code == 2 && said.contains("log: it is empty"), "{nothing:?}: {said}");
    }
    let target = ["--log", "warn,xmeet_server::ws=debug,[span]=info"];
    assert_eq!(outcome(xmeet(&folder, "check").args(target)).0, 0);
    // Of what is wrong this is often the cause.
    let mut command = xmeet(&folder, "check");
    let (code, _, said) =
        outcome(command.env("XMEET_TIME_ZON", "Asia/Shanghai").args(["--time-zone", "x/y"]));
    assert!(code == 2 && said.contains("warning: XMEET_TIME_ZON: "), "{said}");
    // Kubernetes makes such variables by itself: it is no error.
    let (code, _, said) = outcome(xmeet(&folder, "check").env("XMEET_LISTN", "127.0.0.1:1"));
    assert!(code == 0 && said.contains("warning: XMEET_LISTN: there is no such setting"), "{said}");
}

#[test]
fn what_the_data_folder_holds_is_looked_at_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("xmeet-data/history.sqlite3");
    fs::create_dir(database.parent().unwrap()).unwrap();
    let newer = [&b"SQLite format 3\0"[..], &[0; 44], &99_u32.to_be_bytes(), &[0; 36]].concat();
    for (bytes, why) in [
        (&b"SQLite format 3"[..], "is no SQLite database"),
        (
            b"a text of somebody, longer than what SQLite has at its files' beginning",
            "is no SQLite",
        ),
        (&newer, "was written by a newer xmeet (schema 99"),
    ] {
        fs::write(&database, bytes).unwrap();
        for action in ["check", "serve"] {
            let (code, _, said) = outcome(&mut xmeet(&folder, action));
            assert!(code == 2 && said.contains("error: data-dir: "), "{action}: {said}");
            assert!(said.contains(why), "{action}: {said}");
        }
        assert_eq!(fs::read(&database).unwrap(), bytes);
    }
    fs::write(&database, "").unwrap();
    assert_eq!(outcome(&mut xmeet(&folder, "check")).0, 0);
}

#[test]
fn a_place_that_cannot_be_listened_on_is_found() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    let long = format!("unix:{}", "x".repeat(200));
    for (listen, why) in [
        ("unix:file", "there is a file that is no socket"),
        (long.as_str(), "path must be shorter than SUN_LEN"),
        ("192.0.2.1:1", "Cannot assign requested address"),
    ] {
        let (code, _, said) = outcome(xmeet(&folder, "check").args(["--listen", listen]));
        assert!(code == 1 && said.contains("error: listen: ") && said.contains(why), "{said}");
    }
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"mine");
}

/// An operator checks before a restart.
#[tokio::test]
async fn a_server_that_runs_on_the_same_settings_is_no_error() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let check = |listen: &str| {
        let mut command = xmeet(&folder, "check");
        outcome(command.args(["--listen", listen, "--data-dir"]).arg(folder.path()))
    };
    let (code, _, said) = check(&process.address.to_string());
    assert_eq!(code, 0, "{said}");
    for words in ["warning: data-dir: an xmeet runs", "warning: listen: somebody listens there"] {
        assert!(said.contains(words), "{said}");
    }
    process.kill();
    let (code, _, said) = check("127.0.0.1:0");
    assert!(code == 0 && !said.contains("data-dir"), "{said}");
}

/// Whoever else has an account on the machine reads nothing of it.
#[tokio::test]
async fn what_is_kept_is_for_the_servers_user_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    Client::enter(process.address, "r", "a").await.say("kept").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "database, its log, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    process.kill();
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file_and_check_says_so() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("xmeet.toml");
    fs::write(&file, "history-messages = 1\nhistory-days = 2\nping-seconds = 3\n").unwrap();
    let mut command = xmeet(&folder, "check");
    command.env("XMEET_HISTORY_DAYS", "4").env("XMEET_PING_SECONDS", "5");
    command.env("XMEET_CONFIG", &file);
    let (code, printed, said) = outcome(command.args(["--ping-seconds", "6"]));
    assert_eq!(code, 0, "{said}");
    for line in [
        &format!("history-messages = 1 # {}:1", file.display()),
        "history-days = 4 # environment, XMEET_HISTORY_DAYS",
        "ping-seconds = 6 # command line",
        "sync = \"normal\" # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
}

#[test]
fn without_any_setting_it_is_for_this_machine_alone_and_has_limits() {
    let folder = TempDir::new().unwrap();
    // Whether somebody else has that port now does not matter.
    let (_, printed, _) = outcome(xmeet(&folder, "check").env_remove("XMEET_LISTEN"));
    let lines =
        printed.lines().filter_map(|line| line.strip_suffix(" # default")?.split_once(" = "));
    let settings: BTreeMap<_, _> = lines.collect();
    assert_eq!(settings["listen"], "\"127.0.0.1:8080\"");
    assert_eq!(settings["no-limits"], "false");
    assert!(settings.contains_key("data-dir"), "{printed}");
    let number = |key: &str| settings[key].parse::<u64>().unwrap();
    for limit in [
        "connections-max",
        "connections-per-address",
        "connects-per-address-per-second",
        "rooms-max",
        "rooms-per-address-per-minute",
        "greeting-bytes-per-address-per-second",
        "members-per-room",
        "messages-per-second",
        "bytes-per-second",
    ] {
        assert!(number(limit) > 0, "0 would be no limit: {limit}");
    }
    let dead = ["ping-seconds", "pong-seconds", "resume-grace-seconds"].map(number);
    assert!(dead.iter().sum::<u64>() <= DEAD_SECONDS_MAX, "{dead:?}");
}
