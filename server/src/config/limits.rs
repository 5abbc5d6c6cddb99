//! Settings: how much any one client may do, hold and wait for.

use clap::Args;
use xmeet_shared::limits::{FRAME_BYTES_MAX_DEFAULT, RESUME_GRACE_SECONDS_DEFAULT};

/// How much any one client may do, hold and wait for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Largest message a client may send, in bytes
    #[arg(long, env = "XMEET_FRAME_BYTES_MAX", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX_DEFAULT)]
    pub frame_bytes_max: usize,

    /// What may wait for one slow client before it is closed, in bytes
    #[arg(long, env = "XMEET_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = OUTBOX_BYTES_MAX_DEFAULT)]
    pub outbox_bytes_max: usize,

    /// How long a member whose connection is lost is waited for before the others see it leave, in
    /// seconds. Only for clients that can resume, as the web client does
    #[arg(long, env = "XMEET_RESUME_GRACE_SECONDS", value_name = "SECONDS", default_value_t = RESUME_GRACE_SECONDS_DEFAULT)]
    pub resume_grace_seconds: u64,
}

/// What may wait for one slow client unless it is set otherwise: a page of the largest messages,
/// where they are plain text.
const OUTBOX_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;
