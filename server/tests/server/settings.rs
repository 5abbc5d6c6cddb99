//! What an operator sets, on the real binary: what is wrong is found before anything begins, and
//! what counts is said.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

/// The longest that a member whose cable was pulled is seen by default, in seconds.
const DEAD_SECONDS_MAX: u64 = 60;

/// `xmeet` in a folder of its own.
fn xmeet(folder: &TempDir, action: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.current_dir(folder.path()).arg(action);
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
    assert_eq!(run("check", "").0, 0);
    let (code, _, said) = run("serve", "");
    assert!(code == 1 && said.contains("cannot listen"), "{said}");
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
    let (code, printed, said) = outcome(&mut xmeet(&folder, "check"));
    assert_eq!(code, 0, "{said}");
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
