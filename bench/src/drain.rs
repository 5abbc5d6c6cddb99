//! `xmeet-bench drain`: a server with many connections is told to end while some of them speak. Each
//! must get its own message back and then a Close with 1001, and the server must end in order.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::client::{End, Fleet, Listener, Wait, see};
use crate::machine;
use crate::process::Server;

/// How long a turn may sleep.
const TURN_MAX: Duration = Duration::from_millis(1);

/// How long joining may take, and how long the end.
const JOIN_MAX: Duration = Duration::from_secs(120);
const END_MAX: Duration = Duration::from_secs(60);

/// Clients that connect at the same time.
const JOINS_IN_FLIGHT: usize = 400;

/// Frames of a greeting.
const GREETING_FRAMES: u8 = 4;

/// The code of a server that is going away.
const GOING_AWAY: u16 = 1001;

/// How many, where, and how many of them speak.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// XMeet's binary
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// Rooms that they are spread over
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    rooms: usize,
    /// Connections that each say something just before the end
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    speakers: usize,
}

/// What each connection has been told.
struct Crowd {
    seats: Vec<Seat>,
    greeted: usize,
    over: usize,
}

#[derive(Default)]
struct Seat {
    frames: u8,
    is_answered: bool,
    end: Option<End>,
}

/// What a speaker says.
fn words(connection: usize) -> String {
    format!("last words {connection}")
}

impl Listener for Crowd {
    fn text(&mut self, connection: usize, frame: &[u8], _: u64) {
        let seat = &mut self.seats[connection];
        if seat.frames < GREETING_FRAMES {
            seat.frames += 1;
            self.greeted += usize::from(seat.frames == GREETING_FRAMES);
        } else if let Some(seen) = see(frame) {
            seat.is_answered |= seen.text == words(connection).as_bytes();
        }
    }

    fn ended(&mut self, connection: usize, end: End) {
        self.seats[connection].end = Some(end);
        self.over += 1;
    }
}

/// Runs it, prints what happened, and fails if anybody was treated wrongly.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let Options { connections, rooms, speakers, .. } = *options;
    machine::allow_files(connections)?;
    let mut server = Server::start(&options.server, &["--no-limits".into()])?;
    let mut fleet = Fleet::new(Wait::Sleep)?;
    let seats = (0..connections).map(|_| Seat::default()).collect();
    let mut crowd = Crowd { seats, greeted: 0, over: 0 };
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
    for connection in 0..speakers.min(connections) {
        fleet.send(connection, words(connection).as_bytes());
    }
    let told = Instant::now();
    server.tell_to_end().context("the server cannot be told to end")?;
    while crowd.over < connections && told.elapsed() < END_MAX {
        fleet.turn(TURN_MAX, &mut crowd)?;
    }
    let closed_seconds = told.elapsed().as_secs_f64();
    let code = server.ended(END_MAX)?;
    Ok(report(&crowd, speakers.min(connections), closed_seconds, told.elapsed(), code))
}

fn report(
    crowd: &Crowd,
    speakers: usize,
    closed_seconds: f64,
    ended: Duration,
    code: Option<i32>,
) -> ExitCode {
    let connections = crowd.seats.len();
    let going_away = |seat: &&Seat| seat.end == Some(End::Closed(GOING_AWAY));
    let closed = crowd.seats.iter().filter(going_away).count();
    let answered = crowd.seats.iter().filter(|seat| seat.is_answered).count();
    let ended_seconds = ended.as_secs_f64();
    println!(
        "{closed} of {connections} connections were closed with {GOING_AWAY}, the last after \
         {closed_seconds:.2} s; {answered} of {speakers} last words came back; the server ended \
         after {ended_seconds:.2} s with {code:?}"
    );
    let other = crowd.seats.iter().find(|seat| !going_away(seat));
    if let Some(Seat { end, .. }) = other {
        println!("one of the others: {end:?}");
    }
    let is_right = closed == connections && answered == speakers && code == Some(0);
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
