//! A server as a process of its own: started, watched, ended. Only what was started here is ended.

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

/// How long a server may take until it listens, and until it has ended.
const START_MAX: Duration = Duration::from_secs(20);
const END_MAX: Duration = Duration::from_secs(10);

/// What the line that says a server is ready contains, the port behind it.
const READY: &str = "url=http://127.0.0.1:";

/// Lines of a server's log that are shown when it does not start.
const SHOWN_LINES_MAX: usize = 5;

/// What a line of a server's log contains that tells of a bug.
const PANIC: &str = "panicked";

/// A running server, with its data folder.
pub(crate) struct Server {
    child: Child,
    panics: Arc<Mutex<Vec<String>>>,
    pub(crate) address: SocketAddr,
    _data: TempDir,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// CPU time, user and system, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Memory in use, and the most that ever was, in bytes.
    pub(crate) rss_bytes: u64,
    pub(crate) peak_bytes: u64,
}

impl Server {
    /// Starts a program that takes `--listen` and `--data-dir`, on a free port, with nothing kept.
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
        let port = is_ready.recv_timeout(START_MAX).map_err(|_| anyhow!("it said nothing"));
        match port.and_then(|port| port.map_err(|log| anyhow!("it said:\n{log}"))) {
            Ok(port) => {
                let address = ([127, 0, 0, 1], port).into();
                Ok(Self { child, panics, address, _data: data })
            }
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{} did not start", program.display())))
            }
        }
    }

    /// The lines of its log so far that tell of a panic.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it in order. False when it had ended before, failed, or took too long.
    pub(crate) fn end(mut self) -> bool {
        self.terminate().is_some_and(|status| status.success())
    }

    /// Asks it to end, and kills it where it does not.
    fn terminate(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        // It may end between the two calls: it is not waited for yet, so the signal meets nobody else.
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

    /// What it has used so far. Threads are summed: the figure of the process counts whole ticks.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let mut cpu_ns = 0;
        for task in fs::read_dir(format!("{folder}/task")).context("the server is gone")? {
            // A thread may end between the listing and the reading.
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
    /// Tells it to end.
    pub(crate) fn tell_to_end(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits until it has ended, but not for ever: its exit code, where it has one.
    pub(crate) fn ended(&mut self, limit: Duration) -> Result<Option<i32>> {
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
        self.terminate();
    }
}

/// Tells the port once it is there, or else what was said instead, and reads on to the end: a full
/// pipe would stop the server.
fn watch(stderr: ChildStderr, ready: &Sender<Result<u16, String>>, panics: &Mutex<Vec<String>>) {
    let mut said = Vec::new();
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
        } else if said.len() < SHOWN_LINES_MAX {
            said.push(line);
        }
    }
    if !is_ready {
        let _ = ready.send(Err(said.join("\n")));
    }
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no loopback port is free")?.local_addr()?)
}
