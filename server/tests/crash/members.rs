//! Members that act by their roles until the server has ended.

use std::sync::Arc;

use fastrand::Rng;

use crate::connection::{Connection, Ended};
use crate::load::Load;
use crate::model::Journal;
use crate::plan::{Role, burst};

/// Maximum number of events that a wanderer reads before it talks, and again before it leaves.
const GLANCE_EVENTS_MAX: usize = 10;

/// Maximum number of messages between two page requests of a pager.
const PAUSE_EVENTS_MAX: usize = 30;

/// Oldest page that a pager requests. It may be beyond the end of the history.
const PAGES_BACK_MAX: u64 = 12;

/// Maximum number of bursts of a client that does not read.
const DEAF_BURSTS_MAX: usize = 8;

/// Runs a member until the round is over. Returns the journals of all its connections.
pub(crate) async fn live(load: Arc<Load>, room: String, role: Role, mut rng: Rng) -> Vec<Journal> {
    let mut journals = Vec::new();
    for visit in 1.. {
        let nickname = format!("{role:?} {visit}");
        let outcome = match Connection::open(&load, &room, &nickname, role != Role::Deaf).await {
            Ok(mut connection) => {
                let outcome = stay(&mut connection, role, &mut rng).await;
                journals.push(connection.journal);
                outcome
            }
            Err(ended) => Err(ended),
        };
        match outcome {
            Err(Ended::Round) => break,
            Err(Ended::Left) => panic!("the server answered a close that no client sent"),
            // Members that left or were closed reconnect.
            Ok(()) | Err(Ended::TooSlow) => {}
        }
    }
    load.has_gone();
    journals
}

async fn stay(connection: &mut Connection<'_>, role: Role, rng: &mut Rng) -> Result<(), Ended> {
    let mut number = 0;
    if role != Role::Deaf {
        // The greeting.
        connection.read_page().await?;
    }
    match role {
        Role::Listener => match connection.read_to_the_end().await? {},
        Role::Writer => loop {
            write(connection, rng, &mut number).await?;
        },
        Role::Wanderer => wander(connection, rng, &mut number).await,
        Role::Pager => loop {
            turn_pages(connection, rng, &mut number).await?;
        },
        Role::Deaf => {
            for _ in 0..rng.usize(1..=DEAF_BURSTS_MAX) {
                connection.say(burst(rng, &mut number)).await?;
            }
            connection.wait_for_the_end().await
        }
    }
}

/// Sends a burst and usually waits until all of it has come back. Sometimes the next burst follows
/// earlier.
async fn write(
    connection: &mut Connection<'_>,
    rng: &mut Rng,
    number: &mut u64,
) -> Result<(), Ended> {
    let texts = burst(rng, number);
    let mut awaited = connection.journal.sent.len() + texts.len();
    if rng.u8(..4) == 0 {
        awaited -= rng.usize(..=texts.len());
    }
    connection.say(texts).await?;
    while connection.came_back < awaited {
        connection.read().await?;
    }
    Ok(())
}

/// Reads, talks, renames itself, reads again, and then leaves or loses its connection.
async fn wander(
    connection: &mut Connection<'_>,
    rng: &mut Rng,
    number: &mut u64,
) -> Result<(), Ended> {
    look(connection, rng.usize(..=GLANCE_EVENTS_MAX)).await?;
    connection.say(burst(rng, number)).await?;
    connection.command(format!("@changename:renamed {}", rng.u16(..))).await?;
    if rng.bool() {
        connection.say(burst(rng, number)).await?;
    }
    look(connection, rng.usize(..=GLANCE_EVENTS_MAX)).await?;
    if rng.bool() { connection.leave().await } else { Ok(()) }
}

/// Requests a page, sometimes followed by a text, and reads some messages.
async fn turn_pages(
    connection: &mut Connection<'_>,
    rng: &mut Rng,
    number: &mut u64,
) -> Result<(), Ended> {
    connection.command(format!("@history:{}", rng.u64(..=PAGES_BACK_MAX))).await?;
    if rng.u8(..4) == 0 {
        connection.say(burst(rng, number)).await?;
    }
    connection.read_page().await?;
    look(connection, rng.usize(1..=PAUSE_EVENTS_MAX)).await
}

/// Reads this many frames. Every room has writers, so frames arrive.
async fn look(connection: &mut Connection<'_>, events: usize) -> Result<(), Ended> {
    for _ in 0..events {
        connection.read().await?;
    }
    Ok(())
}
