//! Servers for tests: in this process, or as the real binary.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use clap::Parser;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use xmeet_server::config::Config;
use xmeet_server::shutdown::ShutdownOutcome;

use super::{soon, until};

/// A server in this process, with its own port and folder.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<anyhow::Result<ShutdownOutcome>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with settings of the command line, and without limits.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::on(TempDir::new().unwrap(), arguments).await
    }

    /// Starts with the default limits. Other test servers have no limits, because most tests send more
    /// than the limits allow.
    pub(crate) async fn limited(arguments: &[&str]) -> Self {
        let arguments: Vec<_> = ["--no-limits=false"].iter().chain(arguments).copied().collect();
        Self::with(&arguments).await
    }

    /// Starts on an existing folder.
    pub(crate) async fn on(folder: TempDir, arguments: &[&str]) -> Self {
        let folder_name = folder.path().to_str().unwrap();
        let fixed = ["xmeet", "--data-dir", folder_name, "--time-zone", "Asia/Shanghai"];
        let is_limited = arguments.contains(&"--no-limits=false");
        let no_limits: &[&str] = if is_limited { &[] } else { &["--no-limits"] };
        let config = Config::parse_from(fixed.iter().chain(no_limits).chain(arguments));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(xmeet_server::run(config, listener, shutdown.clone()));
        Self { address, folder, shutdown, running }
    }

    /// Shuts down. Returns the folder.
    pub(crate) async fn stop(self) -> TempDir {
        self.ended().await.1
    }

    /// Shuts down. Returns the outcome and the folder.
    pub(crate) async fn ended(self) -> (ShutdownOutcome, TempDir) {
        self.shutdown.cancel();
        let ended = soon("the server ends", self.running).await.unwrap().unwrap();
        (ended, self.folder)
    }

    /// Restarts on the same folder.
    pub(crate) async fn restart(self, arguments: &[&str]) -> Self {
        let folder = self.stop().await;
        Self::on(folder, arguments).await
    }
}

/// The real binary as a process. Dropping it kills the process.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    /// The address in the ready line.
    pub(crate) url: String,
    child: Child,
    /// The log so far. A thread reads it to its end.
    logged: Arc<Mutex<Vec<u8>>>,
    log: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `xmeet` and waits for its ready line.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::spawn(Self::command(folder))
    }

    /// Runs a command that starts `xmeet`, and waits for its ready line.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("xmeet can be started");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut line, logged) = (String::new(), Arc::new(Mutex::new(Vec::new())));
        let url = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "xmeet ended before it was ready");
            logged.lock().unwrap().extend(line.as_bytes());
            if line.contains("is ready") {
                assert!(line.contains("data_dir"), "the ready line names the folder: {line}");
                break ready_url(&line).expect("the ready line says where it is").to_owned();
            }
        };
        // A Unix socket has no address.
        let address = url.split('/').nth(2).and_then(|host| host.parse().ok());
        let address = address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        // A full pipe would make the server drop lines.
        let lines = Arc::clone(&logged);
        let log = thread::spawn(move || {
            let mut line = Vec::new();
            while log.read_until(b'\n', &mut line).unwrap() > 0 {
                lines.lock().unwrap().append(&mut line);
            }
        });
        Self { address, url, child, logged, log: Some(log) }
    }

    /// Returns the command with a free port.
    pub(crate) fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
        command.args(["--no-limits", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder);
        command
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let waiting = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        soon("xmeet ends", waiting).await.unwrap()
    }

    /// Shuts down with SIGTERM. Returns the whole log.
    pub(crate) async fn stopped(mut self) -> String {
        self.signal("TERM");
        let log = self.log.take().unwrap();
        let waiting = tokio::task::spawn_blocking(move || log.join().unwrap());
        soon("the log ends", waiting).await.unwrap();
        let logged = self.logged();
        assert!(self.ended().await.success());
        logged
    }

    /// Returns the log so far.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8(self.logged.lock().unwrap().clone()).unwrap()
    }

    /// Waits until the log contains the words.
    pub(crate) async fn logs(&self, words: &str) {
        until(&format!("a log with {words:?}"), async || self.logged().contains(words)).await;
    }
}

/// Returns the address in a ready line, which is text or JSON.
fn ready_url(line: &str) -> Option<&str> {
    let starts = ["https://", "http://", "unix:"].iter().filter_map(|scheme| line.find(scheme));
    line[starts.min()?..].split([' ', '"']).next()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
