//! Writes of an outbox to its socket.

use std::io::{ErrorKind, IoSlice};

use bytes::{Buf, Bytes};

use super::{Awaited, State};
use crate::wire::stream::{WriteHalf, Writing};

/// Pieces of one write call.
const SLICES_MAX: usize = 64;

impl State {
    /// Writes whole frames, and queues the rest that the socket does not take. Allocates nothing if the
    /// socket takes everything, as it mostly does.
    pub(in crate::wire::outbox) fn write_or_queue(&mut self, batches: &[Bytes]) {
        for batches in batches.chunks(SLICES_MAX) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            for (slice, batch) in slices.iter_mut().zip(batches) {
                *slice = IoSlice::new(batch);
            }
            let mut written = 0;
            if !self.is_stalled && self.io.is_some() {
                let result = self.io.as_mut().map(|io| write(io, &slices[..batches.len()]));
                written = self.note_write_result(result);
                self.queued_total += written as u64;
            }
            for batch in batches {
                let taken = written.min(batch.len());
                written -= taken;
                if taken < batch.len() && self.io.is_some() {
                    self.is_mid_frame |= taken > 0;
                    self.queue(batch.slice(taken..), true);
                }
            }
            self.flush();
        }
    }

    /// Writes the queue until it is empty or the socket takes no more.
    pub(in crate::wire::outbox) fn flush(&mut self) {
        while !self.is_stalled
            && let Some(backlog) = &self.backlog
            && !backlog.queue.is_empty()
        {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&backlog.queue) {
                *slice = IoSlice::new(&piece.bytes);
                count += 1;
            }
            let result = self.io.as_mut().map(|io| write(io, &slices[..count]));
            let written = self.note_write_result(result);
            self.remove_written(written);
        }
    }

    fn note_write_result(&mut self, result: Option<std::io::Result<usize>>) -> usize {
        match result {
            Some(Ok(bytes @ 1..)) => {
                self.written_total += bytes as u64;
                return bytes;
            }
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.is_stalled = true;
                self.is_session_needed = true;
            }
            // The connection is lost. The session finds that when it reads: the client's last messages
            // may still be unread.
            _ => self.disconnect(),
        }
        0
    }

    fn remove_written(&mut self, mut written: usize) {
        let Some(backlog) = &mut self.backlog else { return };
        while written > 0
            && let Some(piece) = backlog.queue.front_mut()
        {
            let bytes = written.min(piece.bytes.len());
            piece.bytes.advance(bytes);
            written -= bytes;
            let is_whole = piece.bytes.is_empty();
            self.is_mid_frame = !is_whole || !piece.ends_frame;
            if is_whole {
                backlog.cost.set(backlog.cost.bytes() - usize::from(piece.cost_bytes));
                backlog.queue.pop_front();
            }
        }
        if let Awaited::Queued { bytes, end } = backlog.awaited
            && self.written_total >= end
        {
            backlog.awaited = Awaited::Written { bytes };
            self.is_session_needed = true;
        }
        if backlog.awaited == Awaited::None {
            self.drop_empty_backlog();
        }
    }
}

fn write(io: &mut Writing, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
    loop {
        match io.try_write(slices) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
