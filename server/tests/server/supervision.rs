//! Panics of background tasks, with the real binary: each is counted, and the task is restarted or the
//! process ends with exit code 4.

use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::authority::{FAR_YEAR, Identity};
use crate::support::observed::{free_address, series};
use crate::support::{Client, Process, raw, soon, until};

/// The exit code after the panic of an essential task.
const EXIT_FAILED: i32 = 4;

/// Maximum number of restarts of a task.
const RESTARTS_MAX: u32 = 5;

/// Returns a command that runs all tasks. The named task panics at its first `times` starts.
fn faulty(folder: &TempDir, task: &str, times: u32) -> Command {
    Identity::until(FAR_YEAR).write(folder.path());
    let mut command = Process::command(&folder.path().join("data"));
    command.args(Identity::settings(folder.path()));
    command.env("TEST_PANIC_AT_START", format!("{task}:{times}"));
    command
}

/// Runs a command to its end. Returns its exit status and its log.
async fn outcome(mut command: Command) -> (ExitStatus, String) {
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let waiting = spawn_blocking(move || child.wait_with_output().unwrap());
    let output = soon("xmeet ends", waiting).await.unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

fn assert_failed(task: &str, status: ExitStatus, log: &str) {
    assert_eq!(status.code(), Some(EXIT_FAILED), "{task}: {log}");
    let end = log.find("an essential task failed");
    let end = end.unwrap_or_else(|| panic!("{task}: {log}"));
    assert!(log[end..].contains(&format!("task=\"{task}\"")), "{task}: {log}");
    assert!(log[..end].contains("panicked: requested by a test"), "{task}: {log}");
    assert!(!log[end..].contains("is ready"), "{task}: {log}");
    // The log is complete.
    assert!(log.lines().last().unwrap().contains("xmeet has ended"), "{task}: {log}");
}

#[tokio::test]
async fn essential_task_panic_ends_the_process_with_exit_code_4() {
    for task in [
        "accept",
        "accept_operator",
        "log_signals",
        "signals",
        "history",
        "history-writer",
        "wal-checkpoint",
        "history-sweeper",
        "history-reader",
        "history-watcher",
    ] {
        let folder = TempDir::new().unwrap();
        let mut command = faulty(&folder, task, 1);
        command.arg(format!("--metrics-listen={}", free_address()));
        let (status, log) = outcome(command).await;
        assert_failed(task, status, &log);
    }
}

#[tokio::test]
async fn task_that_panics_is_restarted_and_counted() {
    for task in ["keepalive", "admission", "tls_watch"] {
        let folder = TempDir::new().unwrap();
        let identity = Identity::until(FAR_YEAR);
        let mut command = faulty(&folder, task, RESTARTS_MAX);
        identity.write(folder.path());
        let operator = free_address();
        command.arg(format!("--metrics-listen={operator}"));
        let process = Process::spawn(command);
        let line = identity.connect(process.address).await.unwrap();
        let mut client = Client::enter_over(line, &crate::support::client::path("r", "a")).await;
        client.say("served all the same").await;
        let counter = format!("xmeet_panics_total{{task=\"{task}\"}}");
        until(&format!("all panics of {task}"), async || {
            let counted = series(operator).await.get(&counter).copied().unwrap_or_default();
            (counted - f64::from(RESTARTS_MAX)).abs() < f64::EPSILON
        })
        .await;
        assert_eq!(raw::get(operator, "/readyz", &[]).await.status, 200, "{task}");
        process.stopped().await;
    }
}

#[tokio::test]
async fn task_that_panics_after_its_last_restart_ends_the_process() {
    for task in ["keepalive", "admission", "tls_watch"] {
        let folder = TempDir::new().unwrap();
        let (status, log) = outcome(faulty(&folder, task, RESTARTS_MAX + 1)).await;
        assert_failed(task, status, &log);
    }
}
