//! Starts the engine's threads and supervises them. A panic in one of them closes the queues, so that
//! no request waits for a thread that is gone, and is reported to the server.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;

use super::append::Append;
use super::error::OpenError;
use super::queue::WorkQueue;
use super::reader::{self, ReaderHealth, RoomOpener};
use super::schema::{self, Vfs};
use super::sweep::{self, Sweeper};
use super::writer::{self, SharedWriter};
use super::{Queues, Retention};
use crate::readiness::Health;
use crate::tasks::faults;

/// Capacity of the channel for panic reports. The server shuts down on the first one.
const PANIC_REPORTS_MAX: usize = 8;

/// Reader threads. With several, a page that the disk is slow to read does not delay every other
/// read.
const READER_THREADS: usize = 3;

/// Starts the engine's threads and collects their handles.
pub(super) struct ThreadStarter<'a> {
    queues: Weak<Queues>,
    panics: mpsc::Sender<&'static str>,
    folder: &'a Path,
    database: &'a Path,
    vfs: Vfs,
    pub(super) joins: Vec<JoinHandle<()>>,
}

impl<'a> ThreadStarter<'a> {
    /// Also returns a receiver for the names of threads that panic.
    pub(super) fn new(
        queues: &Arc<Queues>,
        folder: &'a Path,
        database: &'a Path,
        vfs: Vfs,
    ) -> (Self, mpsc::Receiver<&'static str>) {
        let (panics, panicked) = mpsc::channel(PANIC_REPORTS_MAX);
        let queues = Arc::downgrade(queues);
        (Self { queues, panics, folder, database, vfs, joins: Vec::new() }, panicked)
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// If the operating system cannot create another thread.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let join = self.spawn_supervised(name, work);
        self.joins.push(join.map_err(|source| OpenError::folder(self.folder, source))?);
        Ok(())
    }

    fn spawn_supervised(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let (panics, queues) = (self.panics.clone(), Weak::clone(&self.queues));
        let supervised = move || {
            let work = AssertUnwindSafe(|| {
                faults::panic_if_requested(name);
                work();
            });
            if catch_unwind(work).is_err() {
                queues.upgrade().inspect(|queues| queues.close());
                // If the channel is full, earlier reports already shut the server down.
                let _ = panics.try_send(name);
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(supervised)
    }

    /// Starts the writer. Returns a flag that the writer sets when it stops with everything on the
    /// disk.
    pub(super) fn start_writer(
        &mut self,
        writer: &SharedWriter,
        queue: &Arc<WorkQueue<Append>>,
    ) -> Result<Arc<AtomicBool>, OpenError> {
        let is_durable = Arc::new(AtomicBool::new(false));
        let (writer, queue, durable) =
            (Arc::clone(writer), Arc::clone(queue), Arc::clone(&is_durable));
        let work = move || durable.store(writer::run(&writer, &queue), Ordering::Release);
        self.start("history-writer", work)?;
        Ok(is_durable)
    }

    /// Starts the sweeper, which runs until the sender of `stop` is dropped.
    pub(super) fn start_sweeper(
        &mut self,
        writer: SharedWriter,
        queue: Arc<WorkQueue<Append>>,
        retention: Retention,
        stop: Receiver<()>,
    ) -> Result<(), OpenError> {
        let connection = schema::open_for_reading(self.database, self.vfs)?;
        let sweeper = Sweeper { connection, writer, queue, retention, stop };
        self.start("history-sweeper", move || sweep::run(&sweeper))
    }

    /// Starts the readers, each with a connection of its own.
    pub(super) fn start_readers(
        &mut self,
        opener: &RoomOpener,
        age_max: Option<Duration>,
        queues: &Queues,
        health: &Arc<Health>,
    ) -> Result<(), OpenError> {
        for number in 0..READER_THREADS {
            let health = ReaderHealth { health: Arc::clone(health), number };
            let connection = schema::open_for_reading(self.database, self.vfs)?;
            let (queue, opener) = (Arc::clone(&queues.reader), opener.clone());
            let work = move || reader::run((&connection, &opener), &queue, age_max, &health);
            self.start("history-reader", work)?;
        }
        Ok(())
    }
}
