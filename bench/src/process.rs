//! A server in a process of its own.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The longest time until a server listens, and until it has stopped.
const START_MAX: Duration = Duration::from_secs(20);
const END_MAX: Duration = Duration::from_secs(10);

/// The text before the port in the log line of a server that is ready.
const READY: &str = "url=http://127.0.0.1:";

/// Log lines to show if a server does not start, at most.
const SHOWN_LINES_MAX: usize = 5;

/// The text in the log line of a panic.
const PANIC: &str = "panicked";

/// A running server and its data folder. Dropping it stops the server.
pub(crate) struct Server {
    child: Child,
    panics: Arc<Mutex<Vec<String>>>,
    pub(crate) address: SocketAddr,
    _data: TempDir,
}

/// The CPU time and memory of a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// CPU time, user and system, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Memory in use, in bytes.
    pub(crate) rss_bytes: u64,
    /// The most memory that was ever in use, in bytes.
    pub(crate) peak_bytes: u64,
}

impl Server {
    /// Starts a program that takes `--listen` and `--data-dir`, on a free port and an empty folder.
    pub(crate) fn start(program: &Path, arguments: &[OsString]) -> Result<Self> {
        let data = tempfile::tempdir().context("no folder for the server's data")?;
        let mut command = Command::new(program);
        command.args(arguments).args(["--listen", &free_address()?.to_string()]);
        command.arg("--data-dir").arg(data.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let (ready, is_ready) = channel();
        let panics = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&panics);
        thread::spawn(move || watch(stderr, &ready, &seen));
        let port = is_ready.recv_timeout(START_MAX).map_err(|_| anyhow!("it printed nothing"));
        match port.and_then(|port| port.map_err(|log| anyhow!("it printed:\n{log}"))) {
            Ok(port) => {
                let address = ([127, 0, 0, 1], port).into();
                Ok(Self { child, panics, address, _data: data })
            }
            Err(error) => {
                // Both calls fail only if the process has already ended.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{} did not start", program.display())))
            }
        }
    }

    /// Returns the log lines of panics so far.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the server. Returns false if it had ended before, failed, or took too long.
    pub(crate) fn stop(mut self) -> bool {
        self.stop_or_kill().is_some_and(|status| status.success())
    }

    /// Sends SIGTERM, and kills the server if it does not end in time.
    fn stop_or_kill(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        // The process may have ended after `try_wait`, but the system reuses its id only after a wait.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < END_MAX {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                Ok(Some(status)) => return Some(status),
                Err(_) => return None,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }

    /// Returns CPU time and memory so far. CPU time is the sum over all threads, because the figure of the
    /// process counts whole ticks.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let mut cpu_ns = 0;
        for task in fs::read_dir(format!("{folder}/task")).context("the server is gone")? {
            // The thread may have ended since.
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            cpu_ns += text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        }
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let bytes = |key| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
        };
        let (rss, peak) = (bytes("VmRSS:"), bytes("VmHWM:"));
        Ok(Usage { cpu_ns, rss_bytes: rss.unwrap_or(0), peak_bytes: peak.unwrap_or(0) })
    }
}

impl Server {
    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits until the server has ended. Returns its exit code, if it has one.
    ///
    /// # Errors
    /// If the server is still running after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Option<i32>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            ensure!(start.elapsed() < limit, "the server has not ended after {limit:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_or_kill();
    }
}

/// Sends the port once the server is ready, or its first lines if it ends before. Reads the log to its
/// end: a full pipe would block the server.
fn watch(stderr: ChildStderr, ready: &Sender<Result<u16, String>>, panics: &Mutex<Vec<String>>) {
    let mut shown = Vec::new();
    let mut is_ready = false;
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.contains(PANIC) {
            panics.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
        }
        let digits = line.split_once(READY).map(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()
        });
        if let (false, Some(Ok(port))) = (is_ready, digits) {
            is_ready = true;
            let _ = ready.send(Ok(port));
        } else if shown.len() < SHOWN_LINES_MAX {
            shown.push(line);
        }
    }
    if !is_ready {
        let _ = ready.send(Err(shown.join("\n")));
    }
}

/// Returns an address whose port is free at the moment.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no loopback port is free")?.local_addr()?)
}
