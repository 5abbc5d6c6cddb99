//! `xmeet-bench drain`: stops a server with many connections while some of them send. Each sender must
//! get its message back and then a Close with 1001, and the server must exit with code 0.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::client::{End, Fleet, Listener, Wait, parts_of};
use crate::machine;
use crate::process::Server;

/// How long a turn may sleep.
const TURN_MAX: Duration = Duration::from_millis(1);

/// The longest time for joining, and for the shutdown.
const JOIN_MAX: Duration = Duration::from_secs(120);
const END_MAX: Duration = Duration::from_secs(60);

/// Clients that connect at the same time.
const JOINS_IN_FLIGHT: usize = 400;

/// Frames of a greeting.
const GREETING_FRAMES: u8 = 4;

/// The code of a server that is going away.
const GOING_AWAY: u16 = 1001;

/// Numbers of connections, rooms and senders.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// XMeet's binary
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// Rooms
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    rooms: usize,
    /// Connections that each send a message just before the shutdown
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    senders: usize,
}

/// The state of all connections.
struct Crowd {
    members: Vec<Member>,
    greeted: usize,
    over: usize,
}

#[derive(Default)]
struct Member {
    frames: u8,
    is_answered: bool,
    end: Option<End>,
}

/// The message of a sender.
fn message(connection: usize) -> String {
    format!("last message {connection}")
}

impl Listener for Crowd {
    fn text(&mut self, connection: usize, frame: &[u8], _: u64) {
        let member = &mut self.members[connection];
        if member.frames < GREETING_FRAMES {
            member.frames += 1;
            self.greeted += usize::from(member.frames == GREETING_FRAMES);
        } else if let Some(parts) = parts_of(frame) {
            member.is_answered |= parts.text == message(connection).as_bytes();
        }
    }

    fn ended(&mut self, connection: usize, end: End) {
        self.members[connection].end = Some(end);
        self.over += 1;
    }
}

/// Runs the test and prints the result. Fails if a connection ended otherwise or a message is missing.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let Options { connections, rooms, senders, .. } = *options;
    machine::allow_files(connections)?;
    let mut server = Server::start(&options.server, &["--no-limits".into()])?;
    let mut fleet = Fleet::new(Wait::Sleep)?;
    let members = (0..connections).map(|_| Member::default()).collect();
    let mut crowd = Crowd { members, greeted: 0, over: 0 };
    let begun = Instant::now();
    let mut dialed = 0;
    while crowd.greeted < connections {
        while dialed < connections && dialed - crowd.greeted < JOINS_IN_FLIGHT {
            let room = format!("drain-{}", dialed % rooms);
            fleet.dial(server.address, &room, &format!("n{dialed}"))?;
            dialed += 1;
        }
        fleet.turn(TURN_MAX, &mut crowd)?;
        if begun.elapsed() > JOIN_MAX || crowd.over > 0 {
            bail!("{} of {connections} were greeted, {} ended", crowd.greeted, crowd.over);
        }
    }
    for connection in 0..senders.min(connections) {
        fleet.send(connection, message(connection).as_bytes());
    }
    let stopped = Instant::now();
    server.terminate().context("the server cannot be stopped")?;
    while crowd.over < connections && stopped.elapsed() < END_MAX {
        fleet.turn(TURN_MAX, &mut crowd)?;
    }
    let closed_seconds = stopped.elapsed().as_secs_f64();
    let code = server.wait(END_MAX)?;
    Ok(report(&crowd, senders.min(connections), closed_seconds, stopped.elapsed(), code))
}

fn report(
    crowd: &Crowd,
    senders: usize,
    closed_seconds: f64,
    ended: Duration,
    code: Option<i32>,
) -> ExitCode {
    let connections = crowd.members.len();
    let going_away = |member: &&Member| member.end == Some(End::Closed(GOING_AWAY));
    let closed = crowd.members.iter().filter(going_away).count();
    let answered = crowd.members.iter().filter(|member| member.is_answered).count();
    let ended_seconds = ended.as_secs_f64();
    println!(
        "{closed} of {connections} connections were closed with {GOING_AWAY}, the last after \
         {closed_seconds:.2} s; {answered} of {senders} messages came back; the server ended \
         after {ended_seconds:.2} s with {code:?}"
    );
    let other = crowd.members.iter().find(|member| !going_away(member));
    if let Some(Member { end, .. }) = other {
        println!("one of the others: {end:?}");
    }
    let is_right = closed == connections && answered == senders && code == Some(0);
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
