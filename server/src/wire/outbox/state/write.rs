//! Writes of an outbox to its socket.

use std::io::{ErrorKind, IoSlice};

use bytes::{Buf, Bytes};

use super::{Answer, State};
use crate::wire::stream::{WriteHalf, Writing};

/// At most this many pieces are written in one call.
const SLICES_MAX: usize = 64;

impl State {
    /// Writes whole frames, and queues the bytes that the socket does not take. Usually the socket takes
    /// all of them, and this function then allocates no memory.
    pub(in crate::wire::outbox) fn write_or_queue(&mut self, batches: &[Bytes]) {
        for chunk in batches.chunks(SLICES_MAX) {
            // 1. Write as much as the socket takes.
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            for (slice, batch) in slices.iter_mut().zip(chunk) {
                *slice = IoSlice::new(batch);
            }
            let mut written_bytes = 0;
            if !self.is_stalled && self.io.is_some() {
                let result = self.io.as_mut().map(|io| write(io, &slices[..chunk.len()]));
                written_bytes = self.note_write_result(result);
                self.queued_total += written_bytes as u64;
            }

            // 2. Queue the rest.
            for batch in chunk {
                let taken_bytes = written_bytes.min(batch.len());
                written_bytes -= taken_bytes;
                if taken_bytes < batch.len() && self.io.is_some() {
                    self.is_mid_frame |= taken_bytes > 0;
                    self.queue_piece(batch.slice(taken_bytes..), true);
                }
            }
            self.flush();
        }
    }

    /// Writes the queue until it is empty or the socket is full.
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
            let written_bytes = self.note_write_result(result);
            self.remove_written(written_bytes);
        }
    }

    /// Updates the state after a write, and returns the number of written bytes. `result` is `None` if
    /// the connection was already lost.
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
            // The connection is lost. The session does not end yet: it first reads the client's last
            // messages, and then finds the end of the stream.
            _ => self.disconnect(),
        }
        0
    }

    /// Removes this many written bytes from the front of the queue. Notes whether the answer that the
    /// session waits for is now written.
    fn remove_written(&mut self, mut written_bytes: usize) {
        let Some(backlog) = &mut self.backlog else { return };
        while written_bytes > 0
            && let Some(piece) = backlog.queue.front_mut()
        {
            let taken_bytes = written_bytes.min(piece.bytes.len());
            piece.bytes.advance(taken_bytes);
            written_bytes -= taken_bytes;
            let is_piece_written = piece.bytes.is_empty();
            self.is_mid_frame = !is_piece_written || !piece.ends_frame;
            if is_piece_written {
                backlog.charge.set(backlog.charge.bytes() - usize::from(piece.charged_bytes));
                backlog.queue.pop_front();
            }
        }
        if let Answer::Queued { bytes, end } = backlog.answer
            && self.written_total >= end
        {
            backlog.answer = Answer::Written { bytes };
            self.is_session_needed = true;
        }
        if backlog.answer == Answer::None {
            self.drop_empty_backlog();
        }
    }
}

/// Writes once, and returns the number of written bytes. Repeats a write that a signal interrupted.
fn write(io: &mut Writing, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
    loop {
        match io.try_write(slices) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
