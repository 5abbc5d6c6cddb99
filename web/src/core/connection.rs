//! Carries out the decisions of the connection machine and tracks outages.

use xmeet_shared::{ClientCommand, CloseCode, Cursor};

use super::{ClientCore, ConnectionAnnouncement, Effect, Now, PageEffect, seconds_until};
use crate::connection::{Input as MachineInput, MachineEffect, Phase};

/// The page that a probe requests. The page is beyond the end of any history, so the server answers
/// with an empty list.
const PROBE: Cursor = Cursor(999_999_999);

impl ClientCore {
    /// Gives an input to the connection machine and carries out its decision.
    pub(super) fn drive_machine(&mut self, input: MachineInput, now: Now) {
        let before = self.machine.phase();
        let effect = self.machine.handle(input, now.elapsed_ms, now.jitter);
        let after = self.machine.phase();
        let is_new_phase = before != after;
        // A new phase other than `Connected` closes the socket, unless the machine opens another
        // one.
        let opens_socket = effect == Some(MachineEffect::Open);
        if is_new_phase && after != Phase::Connected && !opens_socket {
            self.close_socket();
        }
        match effect {
            Some(MachineEffect::Open) => self.connect(),
            Some(MachineEffect::Close) => self.close_socket(),
            Some(MachineEffect::Probe) => self.send_probe(now),
            None => {}
        }
        if is_new_phase {
            self.on_phase_change(before, after, now);
        }
    }

    /// Opens a socket. The runtime closes an earlier one.
    fn connect(&mut self) {
        if self.has_socket {
            self.on_socket_closed();
        }
        self.has_socket = true;
        self.emit(Effect::Connect { nickname: self.nickname.clone() });
    }

    fn close_socket(&mut self) {
        if self.has_socket {
            self.emit(Effect::CloseSocket);
            self.on_socket_closed();
        }
    }

    /// Records that the socket is closed or being replaced.
    fn on_socket_closed(&mut self) {
        self.has_socket = false;
        self.room.on_disconnected();
        self.redraw.rows = true;
    }

    /// Sends a request for an empty page. The answer shows that the connection still works.
    fn send_probe(&mut self, now: Now) {
        self.send(ClientCommand::History(PROBE).to_string(), now);
        self.room.on_probe_sent();
    }

    /// Sends a frame and reports its size to the connection machine, which expects an answer.
    pub(super) fn send(&mut self, frame: String, now: Now) {
        let bytes = frame.len() as u64;
        self.emit(Effect::Send(frame));
        self.drive_machine(MachineInput::Sent { bytes }, now);
    }

    /// Handles the end of the socket, with the close code.
    pub(super) fn on_closed(&mut self, code: u16, now: Now) {
        self.is_full = code == CloseCode::RoomFull.as_u16();
        self.close_socket();
        if code == CloseCode::TakenOver.as_u16() {
            self.room.on_takeover();
            self.emit(Effect::RegenerateToken);
        } else if code == CloseCode::TooLarge.as_u16() {
            let changes = self.room.on_text_too_large();
            self.follow_up(changes, now);
        }
        self.drive_machine(MachineInput::Closed { code }, now);
    }

    /// Updates the status for a new phase of the connection.
    fn on_phase_change(&mut self, before: Phase, after: Phase, now: Now) {
        let was_interrupted = self.is_interrupted;
        if before == Phase::Connected {
            self.connection_announcement = ConnectionAnnouncement::Disconnected;
        }
        match after {
            Phase::Connected => {
                if self.connection_announcement == ConnectionAnnouncement::Disconnected {
                    self.connection_announcement = ConnectionAnnouncement::Reconnected;
                }
                self.is_interrupted = false;
                // During an outage, the server may have been updated. A page from the service
                // worker's cache may be of an old version.
                if was_interrupted || self.is_cached_page {
                    self.emit_page_effect(PageEffect::CheckVersion);
                }
            }
            Phase::Offline { .. } | Phase::Retrying { .. } => self.is_interrupted = true,
            Phase::Connecting | Phase::Stopped { .. } => {}
        }
        self.update_retry_countdown(now);
    }

    /// Updates the seconds until the next attempt to connect.
    pub(super) fn update_retry_countdown(&mut self, now: Now) {
        if let Phase::Retrying { retry_at } | Phase::Offline { retry_at } = self.machine.phase() {
            self.retry_in_s = seconds_until(retry_at, now.elapsed_ms);
        }
    }
}
