//! Settings: what is kept, where, and how safely.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use xmeet_shared::limits::HISTORY_KEPT_MESSAGES_DEFAULT;

use crate::history::sqlite::SyncMode;

/// What is kept, where, and how safely.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "History")]
pub struct StoreSettings {
    /// Folder where the history is kept; made when it is not there
    #[arg(long, env = "XMEET_DATA_DIR", value_name = "FOLDER", default_value = "./xmeet-data")]
    pub data_dir: PathBuf,

    /// Messages kept for each room; with 0 nothing is kept and messages have no ids
    #[arg(long, env = "XMEET_HISTORY_MESSAGES", value_name = "COUNT", default_value_t = HISTORY_KEPT_MESSAGES_DEFAULT)]
    pub history_messages: u64,

    /// Days that a message is kept, beside the limit on their number; with 0 for ever
    #[arg(
        long,
        env = "XMEET_HISTORY_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=HISTORY_DAYS_MAX)
    )]
    pub history_days: u64,

    /// What a message waits for before it is kept and delivered
    #[arg(long, env = "XMEET_SYNC", value_name = "MODE", value_enum, default_value_t)]
    pub sync: SyncMode,

    /// Time zone of the send_time texts, as in Asia/Shanghai [default: the system's]
    #[arg(long, env = "XMEET_TIME_ZONE", value_name = "ZONE")]
    pub time_zone: Option<String>,
}

/// A hundred years.
const HISTORY_DAYS_MAX: u64 = 36_500;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl StoreSettings {
    /// How long a message is kept; `None` is for ever.
    #[must_use]
    pub fn kept_for(&self) -> Option<Duration> {
        let days = u32::try_from(self.history_days).unwrap_or(u32::MAX);
        (days > 0).then(|| DAY * days)
    }
}
