//! Settings, with the real binary: errors are reported before the server starts, and `xmeet check` prints
//! the effective values.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use tempfile::TempDir;
use xmeet_server::config::Config;

use crate::support::{Client, Process};

/// Default of the longest time that a vanished member stays visible, in seconds.
const DEAD_SECONDS_MAX: u64 = 60;

/// Returns the command `xmeet` with its own folder.
fn xmeet(folder: &TempDir, action: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    // Any free port.
    command.current_dir(folder.path()).arg(action).env("XMEET_LISTEN", "127.0.0.1:0");
    command
}

/// Runs a command. Returns its exit code, standard output and standard error.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_and_serve_reject_the_same_settings_before_binding() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("xmeet.toml");
    // Binding this address would fail.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = |action: &str, text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = xmeet(&folder, action);
        outcome(command.args(["--listen", &address, "--config"]).arg(&file))
    };
    // Code 1 means that a retry may help.
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
            let location = format!("{}:1", file.display());
            for words in [location.as_str(), key, reason] {
                assert!(said.contains(words), "{action} {text} {words}: {said}");
            }
            assert!(!said.contains("cannot listen"), "{action} {text}: {said}");
        }
    }
    // With valid settings the server tries to bind the address.
    let (code, _, said) = run("check", "");
    assert!(code == 1 && said.contains("error: listen: Address already in use"), "{said}");
    let (code, _, said) = run("serve", "");
    assert!(code == 1 && said.contains("cannot listen"), "{said}");
}

#[test]
fn all_invalid_settings_are_reported_with_their_location() {
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
fn misspelt_settings_are_reported() {
    let folder = TempDir::new().unwrap();
    let (code, _, said) = outcome(xmeet(&folder, "check").args(["--log", "inof"]));
    assert!(code == 2 && said.contains("log: \"inof\" is not one of error, warn, info"), "{said}");
    for nothing in ["", ",", " "] {
        let (code, _, said) = outcome(xmeet(&folder, "check").args(["--log", nothing]));
        assert!(code == 2 && said.contains("log: it is empty"), "{nothing:?}: {said}");
    }
    let target = ["--log", "warn,xmeet_server::session=debug,[span]=info"];
    assert_eq!(outcome(xmeet(&folder, "check").args(target)).0, 0);
    // A misspelt setting is often the cause of another error.
    let mut command = xmeet(&folder, "check");
    let (code, _, said) =
        outcome(command.env("XMEET_TIME_ZON", "Asia/Shanghai").args(["--time-zone", "x/y"]));
    assert!(code == 2 && said.contains("warning: XMEET_TIME_ZON: "), "{said}");
    // Kubernetes sets such variables, so they are no error.
    let (code, _, said) = outcome(xmeet(&folder, "check").env("XMEET_LISTN", "127.0.0.1:1"));
    assert!(code == 0 && said.contains("warning: XMEET_LISTN: there is no such setting"), "{said}");
}

#[test]
fn check_prints_the_store_limit_and_warns_if_the_disk_is_smaller() {
    let folder = TempDir::new().unwrap();
    let small = ["--store-bytes-max", "33554432"];
    let (code, printed, said) = outcome(xmeet(&folder, "check").args(small));
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(printed.contains("\nstore-bytes-max = 33554432 # command line\n"), "{printed}");
    assert!(printed.ends_with("\n# the store may have 33554432 bytes here\n"), "{printed}");
    // Larger than any file system.
    let (code, printed, said) =
        outcome(xmeet(&folder, "check").args(["--store-bytes-max", &u64::MAX.to_string()]));
    let words = "warning: store-bytes-max: the file system has room for ";
    assert!(code == 0 && said.contains(words), "{said}");
    let possible = said.split(words).nth(1).unwrap().split(' ').next().unwrap();
    assert!(printed.contains(&format!("# the store may have {possible} bytes here")), "{printed}");
    let (code, _, said) = outcome(xmeet(&folder, "check").args(["--store-bytes-max", "1000"]));
    assert!(code == 2 && said.contains("store-bytes-max"), "{said}");
}

#[test]
fn invalid_database_is_reported_and_left_unchanged() {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("xmeet-data/history.sqlite3");
    fs::create_dir(database.parent().unwrap()).unwrap();
    let beginning = [&b"SQLite format 3\0"[..], &[0; 44], &99_u32.to_be_bytes(), &[0; 36]].concat();
    for (bytes, why) in [
        (&b"SQLite format 3"[..], "is not a SQLite database"),
        (
            b"a text of another program, longer than the header of an SQLite database",
            "is not a SQLite",
        ),
        (&beginning, "is damaged"),
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
fn unusable_listen_address_is_reported() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    let long = format!("unix:{}", "x".repeat(200));
    for (listen, why) in [
        ("unix:file", "the file at this path is not a socket"),
        (long.as_str(), "path must be shorter than SUN_LEN"),
        ("192.0.2.1:1", "Cannot assign requested address"),
    ] {
        let (code, _, said) = outcome(xmeet(&folder, "check").args(["--listen", listen]));
        assert!(code == 1 && said.contains("error: listen: ") && said.contains(why), "{said}");
    }
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"mine");
}

/// Operators check settings before a restart.
#[tokio::test]
async fn check_beside_a_running_server_warns_only() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let check = |listen: &str| {
        let mut command = xmeet(&folder, "check");
        outcome(command.args(["--listen", listen, "--data-dir"]).arg(folder.path()))
    };
    let (code, _, said) = check(&process.address.to_string());
    assert_eq!(code, 0, "{said}");
    for words in
        ["warning: data-dir: a server is already running", "warning: listen: the address is in use"]
    {
        assert!(said.contains(words), "{said}");
    }
    process.kill();
    let (code, _, said) = check("127.0.0.1:0");
    assert!(code == 0 && !said.contains("data-dir"), "{said}");
}

/// Other users of the machine must not read the history.
#[tokio::test]
async fn data_files_are_readable_by_the_servers_user_only() {
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
fn command_line_overrides_environment_overrides_file() {
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

/// Compose files leave variables empty: `XMEET_SYNC: ${XMEET_SYNC:-}`.
#[test]
fn empty_variables_count_as_not_set() {
    let folder = TempDir::new().unwrap();
    let check = |variables: &[String]| {
        let mut command = xmeet(&folder, "check");
        command.env_remove("XMEET_LISTEN").arg("--listen=127.0.0.1:0");
        // A bound that fits on any file system, because the free space changes between two checks.
        command.arg("--store-bytes-max=16777216");
        outcome(command.envs(variables.iter().map(|variable| (variable, ""))))
    };
    let command = Config::command();
    let variables: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .collect();
    assert!(variables.len() > 40, "{variables:?}");
    let unset = check(&[]);
    assert_eq!(unset.0, 0, "{}", unset.2);
    assert_eq!(check(&variables), unset);
    for variable in variables {
        assert_eq!(check(std::slice::from_ref(&variable)), unset, "{variable}");
    }
}

/// A variable can also be an empty list.
#[test]
fn lone_comma_in_a_variable_is_an_empty_list() {
    let folder = TempDir::new().unwrap();
    for variable in ["XMEET_ALLOW_ORIGIN", "XMEET_TRUSTED_PROXIES"] {
        let (code, printed, said) = outcome(xmeet(&folder, "check").env(variable, ","));
        assert_eq!(code, 0, "{said}");
        let line = format!("# environment, {variable}");
        assert!(printed.contains(&line), "{variable}: {printed}");
    }
}

#[test]
fn defaults_listen_on_loopback_with_limits() {
    let folder = TempDir::new().unwrap();
    // The check does not need this port to be free.
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
        "page-bytes-per-second",
        "members-per-room",
        "messages-per-second",
        "bytes-per-second",
    ] {
        assert!(number(limit) > 0, "0 would be no limit: {limit}");
    }
    let dead = ["ping-seconds", "pong-seconds", "resume-grace-seconds"].map(number);
    assert!(dead.iter().sum::<u64>() <= DEAD_SECONDS_MAX, "{dead:?}");
}
