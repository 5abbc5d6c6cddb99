//! The clients of a round, and the reads of all rooms after it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::connection::{Connection, Ended};
use crate::load::Load;
use crate::members;
use crate::model::{Journal, Reading};
use crate::plan::{Plan, ROOMS};
use crate::support::soon;

/// The running clients.
pub(crate) struct Crowd(JoinSet<Vec<Journal>>);

fn room_name(room: usize) -> String {
    format!("room {room}")
}

impl Crowd {
    /// Starts all clients.
    pub(crate) fn gather(plan: &mut Plan, load: &Arc<Load>) -> Self {
        let mut members = JoinSet::new();
        for (room, roles) in plan.rooms.iter().enumerate() {
            for role in roles {
                let (load, rng) = (Arc::clone(load), plan.rng.fork());
                members.spawn(members::live(load, room_name(room), *role, rng));
            }
        }
        Self(members)
    }

    /// Waits for the end of the server. Returns the journals of all clients.
    pub(crate) async fn journals(self) -> Vec<Journal> {
        soon("the clients end", self.0.join_all()).await.into_iter().flatten().collect()
    }
}

/// Reads the whole history of every room, page by page.
pub(crate) async fn read_all(address: SocketAddr) -> Vec<Reading> {
    let mut readings = JoinSet::new();
    for room in 0..ROOMS {
        readings.spawn(async move {
            read_room(address, room_name(room)).await.expect("the server stays")
        });
    }
    readings.join_all().await
}

async fn read_room(address: SocketAddr, room: String) -> Result<Reading, Ended> {
    let load = Load::new(address, u32::MAX, None);
    let mut connection = Connection::open(&load, &room, "reader", true).await?;
    let greeting = connection.read_page().await?;
    let mut pages = Vec::new();
    loop {
        connection.command(format!("@history:{}", pages.len())).await?;
        let page = connection.read_page().await?;
        if page.is_empty() {
            break;
        }
        pages.push(page);
    }
    let pid = connection.journal.pid.clone();
    connection.leave().await?;
    Ok(Reading { room, pid, greeting, pages })
}
