//! The server of the crash test: starts, kills and restarts.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::load::Load;
use crate::plan::{CloseReason, Plan};
use crate::support::{Process, soon};

/// So many messages that retention removes none.
const HISTORY_MESSAGES: &str = "100000000";

/// So small that the server closes some slow readers, which then reconnect.
const OUTBOX_BYTES_MAX: &str = "32768";

/// A process that any client can kill.
#[derive(Clone)]
pub(crate) struct Victim(Arc<Mutex<Option<Process>>>);

/// A running server, and the duration of its start.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    victim: Victim,
    start_took: Duration,
}

impl Victim {
    /// Sends SIGKILL once.
    pub(crate) fn kill(&self) {
        if let Some(process) = self.take() {
            process.kill();
        }
    }

    fn take(&self) -> Option<Process> {
        self.0.lock().expect("the lock is not poisoned").take()
    }
}

fn command(folder: &Path, is_on_one_processor: bool) -> Command {
    let mut command = Process::command(folder);
    if is_on_one_processor {
        command = on_one_processor(&command);
    }
    command.args(["--history-messages", HISTORY_MESSAGES, "--time-zone", "UTC"]);
    command.args(["--outbox-bytes-max", OUTBOX_BYTES_MAX, "--log", "info"]);
    command
}

/// Wraps the command in `taskset`, which restricts it to one processor.
fn on_one_processor(command: &Command) -> Command {
    let mut held = Command::new("taskset");
    held.args(["--cpu-list", "0"]).arg(command.get_program()).args(command.get_args());
    held
}

impl Server {
    pub(crate) async fn start(folder: &Path, is_on_one_processor: bool) -> Self {
        let command = command(folder, is_on_one_processor);
        let started = Instant::now();
        let (ready, is_ready) = oneshot::channel();
        // On a separate thread, so that a silent server fails the test by a timeout.
        thread::spawn(move || ready.send(Process::spawn(command)));
        let process = soon("xmeet is ready", is_ready).await.expect("xmeet starts");
        let (address, start_took) = (process.address, started.elapsed());
        Self { address, victim: Victim(Arc::new(Mutex::new(Some(process)))), start_took }
    }

    /// Creates the load of a planned round.
    pub(crate) fn load(&self, plan: &Plan) -> Arc<Load> {
        let is_asked_first = matches!(plan.ending, CloseReason::KillShutdown { .. });
        let victim = (!is_asked_first).then(|| self.victim.clone());
        Arc::new(Load::new(self.address, plan.deliveries, victim))
    }

    /// Ends the round as planned, and restarts the server on the same folder.
    pub(crate) async fn crash(self, plan: &Plan, load: &Load, folder: &Path) -> Self {
        load.moment().await;
        match &plan.ending {
            CloseReason::Kill => {}
            CloseReason::KillStartsToo(moments) => {
                for moment in moments {
                    kill_start(folder, self.start_took.mul_f64(*moment)).await;
                }
            }
            CloseReason::KillShutdown { gone } => {
                load.over.cancel();
                let process = self.victim.take().expect("the process was not killed");
                process.signal("TERM");
                load.gone(*gone).await;
                process.kill();
            }
        }
        Self::start(folder, plan.is_next_on_one_processor).await
    }

    /// Shuts down cleanly after the last round.
    pub(crate) async fn stop(self) {
        let process = self.victim.take().expect("the process was not killed");
        process.signal("TERM");
        assert_eq!(process.ended().await.code(), Some(0));
    }
}

/// Starts the server and kills it after a time. The test does not depend on the progress of the start.
async fn kill_start(folder: &Path, moment: Duration) {
    let mut child =
        command(folder, false).stderr(Stdio::null()).spawn().expect("xmeet can be started");
    tokio::time::sleep(moment).await;
    let outcome = child.try_wait().expect("it can be asked about");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(outcome.is_none(), "xmeet ended by itself: {outcome:?}");
}
