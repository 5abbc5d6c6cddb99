//! The task that writes while there is little to write.
//!
//! To wake the writer's thread and be woken by it costs more than to commit a message: in WAL mode
//! with synchronous NORMAL that is two writes to the system's cache. So while the thread sleeps, a
//! task takes what waits, after everything else that is ready to run has had its chance to add to
//! it. It holds up one of the runtime's threads meanwhile, so it leaves much to the thread, and
//! everything for a while when the disk was slow.

use std::sync::{Arc, TryLockError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::append::Append;
use super::queue::{Found, Queue};
use super::writer::SharedWriter;
use crate::turns::let_others_run;

/// Appends that the task commits at most.
const PROMPT_APPENDS_MAX: usize = 64;

/// What it commits at most, in bytes.
const PROMPT_BYTES_MAX: usize = 32 * 1024;

/// A commit that takes longer says that the disk is slow now.
const SLOW_COMMIT: Duration = Duration::from_millis(5);

/// How long everything is left to the thread then.
const SLOW_PAUSE: Duration = Duration::from_millis(500);

/// Runs until the queue is closed.
pub(super) async fn run(writer: SharedWriter, queue: Arc<Queue<Append>>) {
    let _presence = Presence(&queue);
    loop {
        queue.prompted().await;
        let_others_run().await;
        match write_little(&writer, &queue) {
            Outcome::Fine => {}
            Outcome::Slow => {
                queue.dismiss_task();
                sleep(SLOW_PAUSE).await;
            }
            Outcome::Closed => return,
        }
    }
}

/// Should the task end for whatever reason, the thread is asked again.
struct Presence<'a>(&'a Queue<Append>);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.dismiss_task();
    }
}

enum Outcome {
    Fine,
    Slow,
    Closed,
}

fn write_little(writer: &SharedWriter, queue: &Queue<Append>) -> Outcome {
    let mut writer = match writer.try_lock() {
        Ok(writer) => writer,
        Err(TryLockError::Poisoned(error)) => error.into_inner(),
        // Whoever holds it takes what waits when it is done.
        Err(TryLockError::WouldBlock) => return Outcome::Fine,
    };
    let Some(writer) = writer.as_mut() else { return Outcome::Closed };
    let mut batch = Vec::new();
    match queue.take_little(&mut batch, PROMPT_APPENDS_MAX, PROMPT_BYTES_MAX) {
        Found::Little => {}
        Found::Nothing | Found::Much => return Outcome::Fine,
        Found::Closed => return Outcome::Closed,
    }
    let began = Instant::now();
    writer.write(&mut batch);
    if writer.needs_thread() {
        queue.nudge();
    }
    if began.elapsed() > SLOW_COMMIT { Outcome::Slow } else { Outcome::Fine }
}
