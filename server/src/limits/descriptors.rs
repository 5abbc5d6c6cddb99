//! The process's limit of file descriptors, of which each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are reserved for the database, the log, listeners and the runtime.
const BESIDE_CONNECTIONS: usize = 128;

/// Raises the soft limit to the hard limit. Many systems have a soft limit of about a thousand.
pub fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If the call fails, the limit does not change.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Returns how many connections have a descriptor, or `None` if there is no limit.
#[must_use]
pub fn connections_max() -> Option<usize> {
    let allowed = usize::try_from(getrlimit(Resource::Nofile).current?).ok()?;
    Some(allowed.saturating_sub(BESIDE_CONNECTIONS).max(1))
}
