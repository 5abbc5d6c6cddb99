//! Settings of the store.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use xmeet_shared::limits::HISTORY_KEPT_MESSAGES_DEFAULT;

use crate::limits::bucket::Rate;
use crate::limits::budgets::BudgetRates;

/// Settings of the store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "History")]
pub struct StoreSettings {
    /// Directory of the history; created if it does not exist
    #[arg(long, env = "XMEET_DATA_DIR", value_name = "DIRECTORY", default_value = "./xmeet-data")]
    pub data_dir: PathBuf,

    /// Messages stored per room; with 0 nothing is stored and messages have no ids
    #[arg(long, env = "XMEET_HISTORY_MESSAGES", value_name = "COUNT", default_value_t = HISTORY_KEPT_MESSAGES_DEFAULT)]
    pub history_messages: u64,

    /// Days until a stored message expires; 0 is no limit
    #[arg(
        long,
        env = "XMEET_HISTORY_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=HISTORY_DAYS_MAX)
    )]
    pub history_days: u64,

    /// Size limit of the database, in bytes. Near the limit, the least recently used rooms are evicted.
    /// A tenth of the file system always stays free
    #[arg(
        long,
        env = "XMEET_STORE_BYTES_MAX",
        value_name = "BYTES",
        default_value_t = BYTES_MAX_DEFAULT,
        value_parser = clap::value_parser!(u64).range(STORE_BYTES_MIN..)
    )]
    pub store_bytes_max: u64,

    /// Bytes of messages that one address may store per day, even all at once; 0 is no limit
    #[arg(
        long,
        env = "XMEET_STORE_BYTES_PER_ADDRESS_PER_DAY",
        value_name = "BYTES",
        default_value_t = STORE_BYTES_PER_ADDRESS_PER_DAY_DEFAULT
    )]
    pub store_bytes_per_address_per_day: u64,

    /// Bytes of messages that may be stored in one room per day, even all at once; 0 is no limit
    #[arg(
        long,
        env = "XMEET_STORE_BYTES_PER_ROOM_PER_DAY",
        value_name = "BYTES",
        default_value_t = STORE_BYTES_PER_ROOM_PER_DAY_DEFAULT
    )]
    pub store_bytes_per_room_per_day: u64,

    /// Whether a commit waits for the disk before messages are delivered
    #[arg(long, env = "XMEET_SYNC", value_name = "MODE", value_enum, default_value_t)]
    pub sync: SyncMode,

    /// Time zone of send_time, such as Asia/Shanghai [default: the system's]
    #[arg(long, env = "XMEET_TIME_ZONE", value_name = "ZONE")]
    pub time_zone: Option<String>,
}

/// The smallest size limit: it fits some transactions of the longest messages.
const STORE_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Default daily budget of an address, in bytes: 20 messages of some 300 bytes per second, all day. One
/// address needs three weeks to fill a store of the default size.
const STORE_BYTES_PER_ADDRESS_PER_DAY_DEFAULT: u64 = 512 * 1024 * 1024;

/// Default daily budget of a room, in bytes: twice that of an address.
const STORE_BYTES_PER_ROOM_PER_DAY_DEFAULT: u64 = 1024 * 1024 * 1024;

/// Upper bound of the setting: a hundred years.
const HISTORY_DAYS_MAX: u64 = 36_500;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl StoreSettings {
    /// Returns the daily budgets of stored bytes. There are none if nothing is stored.
    #[must_use]
    pub fn budgets(&self) -> BudgetRates {
        if self.history_messages == 0 {
            return BudgetRates::default();
        }
        BudgetRates {
            address: Rate::per_day(self.store_bytes_per_address_per_day),
            room: Rate::per_day(self.store_bytes_per_room_per_day),
        }
    }

    /// Returns the age at which messages expire; `None` if they never do.
    #[must_use]
    pub fn message_age_max(&self) -> Option<Duration> {
        let days = u32::try_from(self.history_days).unwrap_or(u32::MAX);
        (days > 0).then(|| DAY * days)
    }
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SyncMode {
    /// Do not wait: a crash of xmeet loses nothing, but a power failure may lose the last seconds
    #[default]
    Normal,
    /// Wait for the disk: a power failure loses nothing either, but each commit takes longer
    Full,
}

/// Default size limit of the database, in bytes: 10 GiB.
pub const BYTES_MAX_DEFAULT: u64 = 10 * 1024 * 1024 * 1024;
