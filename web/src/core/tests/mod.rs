//! Tests of the core by its inputs and effects.

mod client;
mod drawing;
mod orchestration;
mod property;
mod reading;
mod step;
mod world;

use xmeet_shared::RoomId;

use super::{Now, Setup};

/// The default time of an input.
const NOW: Now = Now { elapsed_ms: 0, wall_ms: 1_700_000_000_000, jitter: 0.5 };

/// The close code of a connection that ended without a Close frame.
const CONNECTION_LOST: u16 = 1006;

/// Returns the setup of a first visit.
fn setup() -> Setup {
    Setup {
        room_id: RoomId::new("r").unwrap(),
        tab: "tab".to_owned(),
        nickname: None,
        is_nickname_kept: false,
        outbox: Vec::new(),
        own_pids: Vec::new(),
        read_mark: None,
        lines_hidden: false,
        notify: false,
        sound: false,
        is_cached_page: false,
        has_channel: false,
    }
}
