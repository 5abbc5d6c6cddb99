//! An echo server with the server's own listener, handshake, frames and closing handshake, for WebSocket
//! clients and test suites of other projects. Run `cargo run --package xmeet-server --example echo --
//! 127.0.0.1:9001` and connect to any path below `/xgate/websocket/`. It prints its address.

use std::env;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use xmeet_server::config::Config;
use xmeet_server::http::{HttpServer, Site, echo};
use xmeet_server::limits::admission::{Admission, AdmissionLimits};
use xmeet_server::limits::forwarded::Proxies;
use xmeet_server::session::echo::EchoLimits;
use xmeet_server::session::incoming::Incoming;
use xmeet_server::wire::budget::MemoryBudget;
use xmeet_server::wire::outbox::OutboxLimits;

/// Maximum number of connections.
const CONNECTIONS_MAX: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = env::args().nth(1).context("usage: echo ADDRESS:PORT")?;
    let listener = TcpListener::bind(&address).await.context("cannot listen there")?;
    println!("{}", listener.local_addr()?);
    let config = Config::parse_from(["echo"]);
    let budget = Arc::new(MemoryBudget::new(config.limits.waiting_bytes_max));
    let limits = EchoLimits {
        message: (&config.limits).into(),
        outbox: Arc::new(OutboxLimits {
            bytes_max: config.limits.outbox_bytes_max,
            write_time: std::time::Duration::from_secs(config.limits.write_seconds.into()),
            memory: Arc::clone(&budget),
        }),
        incoming: Arc::new(Incoming::new(budget)),
    };
    let gate_limits = AdmissionLimits {
        connections_max: CONNECTIONS_MAX,
        rooms_max: CONNECTIONS_MAX,
        address: None,
    };
    let admission = Admission::new(gate_limits, Proxies::default(), Arc::default(), false);
    let server = HttpServer {
        site: Site::new(echo::router(Arc::new(limits)), &config.page, None, 0),
        admission: Arc::new(admission),
        limits: (&config.limits).into(),
        panics: Arc::default(),
    };
    server.serve(listener.into(), CancellationToken::new()).await;
    Ok(())
}
