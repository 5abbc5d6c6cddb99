//! File descriptors: each connection takes one, and without one nothing else works either.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for connections: the database, the log, listeners, the runtime.
const BESIDE_CONNECTIONS: usize = 128;

/// Has the system allow as many as it may. Many systems allow a thousand only to those who do not
/// ask.
pub fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it refuses, there are as many as there were.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many connections there are descriptors for; `None` where there is no limit.
#[must_use]
pub fn connections_max() -> Option<usize> {
    let allowed = usize::try_from(getrlimit(Resource::Nofile).current?).ok()?;
    Some(allowed.saturating_sub(BESIDE_CONNECTIONS).max(1))
}
