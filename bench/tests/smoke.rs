//! The generator against its own floor: everything that is sent arrives, and the figures are there.
//! How fast it was is no matter here.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the run may take on a machine that does much else.
const RUN_MAX: Duration = Duration::from_secs(60);

fn run(arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet-bench"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if start.elapsed() > RUN_MAX {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments:?} took over {} s", RUN_MAX.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn both_floors_deliver_every_message() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results.jsonl");
    let arguments = ["run", "--quick", "--no-pin", "--runs", "1"];
    let scenarios = "small,flood,sweep-history";
    let what = ["--scenarios", scenarios, "--peers", "floor,floor-batch"];
    let into = ["--out", out.to_str().unwrap()];
    assert!(run(&[&arguments[..], &what, &into].concat()));

    let text = fs::read_to_string(&out).unwrap();
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2 * (2 + 3));
    for row in rows {
        let at_least_nought = |key: &str| row[key].as_f64().unwrap_or(-1.0) >= 0.0;
        assert!(row["deliveries"].as_u64().unwrap() > 0, "{row}");
        for key in ["cpu_us_per_delivery", "deliveries_per_second", "rss_bytes", "calibration_us"] {
            assert!(at_least_nought(key), "{key} of {row}");
        }
        assert!(at_least_nought("p50_us") && at_least_nought("p99_us"), "{row}");
        let faults = row["faults"].as_object().unwrap();
        assert!(!faults.is_empty() && faults.values().all(|count| count == 0), "{row}");
    }
    assert!(run(&["table", out.to_str().unwrap()]));
}

#[test]
fn unknown_peers_and_scenarios_are_refused() {
    assert!(!run(&["run", "--peers", "xmeet"]), "there is no server");
    assert!(!run(&["run", "--peers", "floor", "--scenarios", "none"]));
}
