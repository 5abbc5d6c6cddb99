//! What the tests share: servers and clients.

pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod observed;
pub(crate) mod raw;
pub(crate) mod server;

use std::future::Future;
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use server::{Process, TestServer};

/// How long anything may take before a test fails instead of hanging. Far more than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether something has come true.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until something is true, but not for ever.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    soon(what, looking).await;
}

/// Waits for something, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long: {what}"),
    }
}
