//! Writes log lines to standard error on a separate thread, so that a slow reader blocks no task. The
//! queue is bounded; lines that do not fit are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// Memory of queued lines, in bytes. It fits the last lines of ten thousand connections that end at the
/// same time.
const QUEUED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Estimated memory of a queued line beside its text, in bytes.
const LINE_OVERHEAD_BYTES: usize = 64;

/// How long the end of the process waits for queued lines. Standard error may have no reader.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// Lines dropped since the start of the process, which has one log.
static DROPPED_LINES: AtomicU64 = AtomicU64::new(0);

/// Returns how many log lines were dropped since the start of the process.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED_LINES.load(Ordering::Relaxed)
}

/// A job for the log's thread.
enum Job {
    Line(Vec<u8>),
    /// Sends a reply once all earlier lines are written.
    Flush(SyncSender<()>),
}

/// The queue of log lines. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct LineQueue {
    /// Unbounded, because `queued_bytes` limits the lines, and flushes are rare.
    jobs: Sender<Job>,
    queued_bytes: Arc<AtomicUsize>,
    /// Lines dropped since the last warning about dropped lines.
    unreported_lines: Arc<AtomicU64>,
}

/// Writes the queued lines when dropped. Gives up after [`FLUSH_TIME_MAX`].
#[derive(Debug)]
#[must_use]
pub struct FlushGuard(LineQueue);

impl LineQueue {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, FlushGuard)> {
        let (jobs, taken) = channel();
        let queue = Self { jobs, queued_bytes: Arc::default(), unreported_lines: Arc::default() };
        let (queued_bytes, unreported) =
            (Arc::clone(&queue.queued_bytes), Arc::clone(&queue.unreported_lines));
        let work = move || write_all(out, &taken, &queued_bytes, &unreported);
        thread::Builder::new().name("log".to_owned()).spawn(work)?;
        Ok((queue.clone(), FlushGuard(queue)))
    }

    /// Queues a line, which must end with a newline. Drops and counts it if the queue is full.
    pub(super) fn push(&self, line: Vec<u8>) {
        let bytes = line.len() + LINE_OVERHEAD_BYTES;
        let queued_bytes = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = queued_bytes + bytes <= QUEUED_BYTES_MAX;
        if !fits || self.jobs.send(Job::Line(line)).is_err() {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.unreported_lines.fetch_add(1, Ordering::Relaxed);
            DROPPED_LINES.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all queued lines are written, at most [`FLUSH_TIME_MAX`].
    fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.jobs.send(Job::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_TIME_MAX);
        }
    }
}

impl FlushGuard {
    /// Queues a line regardless of the log's filter.
    pub fn write_line(&self, line: &str) {
        self.0.push(format!("{line}\n").into_bytes());
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Runs the log's thread: writes lines until all senders are gone.
fn write_all(
    mut out: impl Write,
    jobs: &Receiver<Job>,
    queued_bytes: &AtomicUsize,
    unreported_lines: &AtomicU64,
) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(line) => {
                // Ignores errors: a closed terminal, for example, may be opened again.
                let _ = out.write_all(&line);
                queued_bytes.fetch_sub(line.len() + LINE_OVERHEAD_BYTES, Ordering::Relaxed);
                let lines = unreported_lines.swap(0, Ordering::Relaxed);
                if lines > 0 {
                    // This adds a line to the end of the queue.
                    tracing::warn!(
                        lines,
                        "log lines were dropped: standard error is not read fast enough"
                    );
                }
            }
            Job::Flush(done) => {
                let _ = out.flush();
                let _ = done.try_send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A writer that blocks until it is opened.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Shared>);

    #[derive(Default)]
    struct Shared {
        state: Mutex<State>,
        opened: Condvar,
    }

    #[derive(Default)]
    struct State {
        is_open: bool,
        taken: Vec<u8>,
    }

    impl Pipe {
        fn open(&self) {
            self.0.state.lock().unwrap().is_open = true;
            self.0.opened.notify_all();
        }

        fn lines(&self) -> usize {
            let state = self.0.state.lock().unwrap();
            state.taken.iter().filter(|byte| **byte == b'\n').count()
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let state = self.0.state.lock().unwrap();
            let mut state = self.0.opened.wait_while(state, |state| !state.is_open).unwrap();
            state.taken.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        for line in [b"short\n".to_vec(), [&[b'x'; 100_000][..], b"\n"].concat()] {
            let queued_max = QUEUED_BYTES_MAX / (line.len() + LINE_OVERHEAD_BYTES);
            let pipe = Pipe::default();
            let (queue, guard) = LineQueue::start(pipe.clone()).unwrap();
            let pushed = queued_max + 1000;
            (0..pushed).for_each(|_| queue.push(line.clone()));
            let dropped = usize::try_from(queue.unreported_lines.load(Ordering::Relaxed)).unwrap();
            // The line that the thread is writing counts too.
            assert_eq!(dropped, pushed - queued_max);
            assert!(queue.queued_bytes.load(Ordering::Relaxed) <= QUEUED_BYTES_MAX);
            pipe.open();
            drop(guard);
            while queue.queued_bytes.load(Ordering::Relaxed) > 0 {
                thread::yield_now();
            }
            assert_eq!(pipe.lines(), pushed - dropped);
        }
    }

    #[test]
    fn dropping_the_guard_writes_queued_lines() {
        let pipe = Pipe::default();
        pipe.open();
        let (queue, guard) = LineQueue::start(pipe.clone()).unwrap();
        (0..1000).for_each(|_| queue.push(b"line\n".to_vec()));
        drop(guard);
        assert_eq!(pipe.lines(), 1000);
    }
}
