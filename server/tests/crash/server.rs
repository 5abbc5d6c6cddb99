//! The server of the crash test: how it starts, and how it is killed and started again.

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

/// Nothing of the history goes, however many rounds there are.
const HISTORY_MESSAGES: &str = "100000000";

/// Little, so that some clients that read late are closed and come back.
const OUTBOX_BYTES_MAX: &str = "32768";

/// A process that can be killed by whoever comes first.
#[derive(Clone)]
pub(crate) struct Victim(Arc<Mutex<Option<Process>>>);

/// A server that runs, and how long it took to start.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    victim: Victim,
    start_took: Duration,
}

impl Victim {
    /// `kill -9`, if that was not done yet.
    pub(crate) fn kill(&self) {
        if let Some(process) = self.take() {
            process.kill();
        }
    }

    fn take(&self) -> Option<Process> {
        self.0.lock().expect("nobody panics with it").take()
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

/// The same command, held to one processor by a tool of every Linux.
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
        // A thread of its own: if the server says nothing, the test fails and does not wait for it.
        thread::spawn(move || ready.send(Process::spawn(command)));
        let process = soon("xmeet is ready", is_ready).await.expect("xmeet starts");
        let (address, start_took) = (process.address, started.elapsed());
        Self { address, victim: Victim(Arc::new(Mutex::new(Some(process)))), start_took }
    }

    /// The load that ends with the moment that is planned.
    pub(crate) fn load(&self, plan: &Plan) -> Arc<Load> {
        let is_asked_first = matches!(plan.ending, CloseReason::KillShutdown { .. });
        let victim = (!is_asked_first).then(|| self.victim.clone());
        Arc::new(Load::new(self.address, plan.deliveries, victim))
    }

    /// Ends the round as it is planned, and starts the server again on what is left.
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
                let process = self.victim.take().expect("nobody killed it");
                process.signal("TERM");
                load.gone(*gone).await;
                process.kill();
            }
        }
        Self::start(folder, plan.is_next_on_one_processor).await
    }

    /// Ends in order, as the last of many does too.
    pub(crate) async fn stop(self) {
        let process = self.victim.take().expect("nobody killed it");
        process.signal("TERM");
        assert_eq!(process.ended().await.code(), Some(0));
    }
}

/// Starts the server and kills it at a moment of its start. Nothing depends on how far it has
/// come by then, so that the time alone may decide.
async fn kill_start(folder: &Path, moment: Duration) {
    let mut child =
        command(folder, false).stderr(Stdio::null()).spawn().expect("xmeet can be started");
    tokio::time::sleep(moment).await;
    let outcome = child.try_wait().expect("it can be asked about");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(outcome.is_none(), "xmeet ended by itself: {outcome:?}");
}
