//! Servers and clients for all tests.

pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod observed;
pub(crate) mod raw;
pub(crate) mod server;

use std::future::Future;
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use server::{Process, TestServer};

/// Time limit of each wait, so that a failing test does not hang. Far longer than any wait takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Interval between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until a condition is true. Panics after [`PATIENCE`].
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    };
    soon(what, looking).await;
}

/// Waits for work. Panics after [`PATIENCE`].
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long: {what}"),
    }
}
