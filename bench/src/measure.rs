//! One run of a scenario against a server: join, warm up, measure, drain.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::client::{End, Fleet, Wait};
use crate::crowd::Crowd;
use crate::figures::Figures;
use crate::process::Server;
use crate::scenario::{Group, Load, Scenario};
use crate::sender::Sender;

/// How long a run waits without any frame, before it counts the rest as lost.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The longest sleep of a turn: messages become due in between.
const TURN_MAX: Duration = Duration::from_micros(500);

/// Messages in flight while a history is filled.
const FILL_OUTSTANDING: usize = 64;

/// The pause before the server's memory at the start is read.
const REST: Duration = Duration::from_millis(300);

/// The state of a run.
struct Run<'a> {
    scenario: &'a Scenario,
    server: &'a Server,
    fleet: Fleet,
    crowd: Crowd,
}

/// Runs a scenario and returns its figures.
pub(crate) fn measure(scenario: &Scenario, server: &Server, wait: Wait) -> Result<Figures> {
    if scenario.history_messages > 0 {
        fill(scenario, server, wait)?;
    }
    std::thread::sleep(REST);
    let before = server.usage()?;
    let mut figures = Figures::default();
    let mut run = Run { scenario, server, fleet: Fleet::new(wait)?, crowd: Crowd::new(scenario) };
    run.join(&mut figures)?;
    let joined = server.usage()?;
    let members = run.crowd.len() as f64;
    figures.connections = run.crowd.len() as u64;
    figures.join_cpu_us = (joined.cpu_ns - before.cpu_ns) as f64 / 1e3 / members;
    run.crowd.check.faults.rosters = run.crowd.unsettled();
    let mut sender = Sender::new(scenario);
    if scenario.measures_joins {
        figures.deliveries = run.crowd.frames;
        figures.cpu_seconds = (joined.cpu_ns - before.cpu_ns) as f64 / 1e9;
        figures.seconds = figures.join_seconds;
        figures.client_busy = run.fleet.busy().as_secs_f64() / figures.seconds;
    } else {
        for connection in run.crowd.stalled() {
            run.fleet.stall(connection);
            run.crowd.check.excuse(connection);
        }
        run.window(&mut sender, &mut figures)?;
    }
    let after = server.usage()?;
    figures.rss_bytes = after.rss_bytes;
    figures.rss_bytes_per_connection =
        after.rss_bytes.saturating_sub(before.rss_bytes) as f64 / members;
    run.drain()?;
    run.count_ends(&mut figures);
    figures.peak_bytes = server.usage()?.peak_bytes;
    figures.finish(run.crowd);
    Ok(figures)
}

impl Run<'_> {
    /// Connects all members, some at a time, and waits until each knows all others.
    fn join(&mut self, figures: &mut Figures) -> Result<()> {
        let start = Instant::now();
        let (mut dialed, total) = (0, self.crowd.len());
        let mut heard = (0, Instant::now());
        while self.crowd.ready < total || self.crowd.still_joining() {
            while dialed < total && dialed - self.crowd.ready < self.scenario.joins_in_flight {
                let nickname = format!("n{dialed}");
                self.fleet.dial(self.server.address, self.crowd.room_of(dialed), &nickname)?;
                dialed += 1;
            }
            self.fleet.turn(TURN_MAX, &mut self.crowd)?;
            if self.crowd.frames != heard.0 {
                heard = (self.crowd.frames, Instant::now());
            }
            if heard.1.elapsed() > SILENCE_MAX {
                let (ready, ends) = (self.crowd.ready, self.crowd.ends.len());
                bail!("only {ready} of {total} members were greeted; {ends} connections ended");
            }
        }
        figures.join_seconds = start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Applies the load, first to warm up and then to measure.
    fn window(&mut self, sender: &mut Sender, figures: &mut Figures) -> Result<()> {
        sender.start(&mut self.fleet, &mut self.crowd);
        self.load(sender, self.scenario.warm_seconds)?;
        let (start, busy, before) = (Instant::now(), self.fleet.busy(), self.server.usage()?);
        self.crowd.measuring = true;
        self.load(sender, self.scenario.measure_seconds)?;
        self.crowd.measuring = false;
        let after = self.server.usage()?;
        figures.seconds = start.elapsed().as_secs_f64();
        figures.client_busy = (self.fleet.busy() - busy).as_secs_f64() / figures.seconds;
        figures.cpu_seconds = (after.cpu_ns - before.cpu_ns) as f64 / 1e9;
        figures.deliveries = self.crowd.deliveries;
        Ok(())
    }

    fn load(&mut self, sender: &mut Sender, seconds: f64) -> Result<()> {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            sender.turn(&mut self.fleet, &mut self.crowd);
            self.fleet.turn(TURN_MAX, &mut self.crowd)?;
        }
        Ok(())
    }

    /// Waits until every message in flight has arrived, or none has for [`SILENCE_MAX`].
    fn drain(&mut self) -> Result<()> {
        let (mut frames, mut latest) = (self.crowd.frames, Instant::now());
        // The load has ended, so latencies no longer count, but every message is checked.
        while self.crowd.check.outstanding() > 0 && latest.elapsed() < SILENCE_MAX {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(10) {
                self.fleet.turn(TURN_MAX, &mut self.crowd)?;
            }
            if self.crowd.frames != frames {
                (frames, latest) = (self.crowd.frames, Instant::now());
            }
        }
        Ok(())
    }

    /// Lets stalled members read, and counts how the server closed them.
    fn count_ends(&mut self, figures: &mut Figures) {
        let stalled = self.crowd.stalled();
        for connection in &stalled {
            self.fleet.resume(*connection, &mut self.crowd);
        }
        let start = Instant::now();
        // The Close is behind everything that the system still holds for the member.
        while !stalled.is_empty() && start.elapsed() < Duration::from_secs(2) {
            if self.fleet.turn(TURN_MAX, &mut self.crowd).is_err() {
                break;
            }
        }
        for (connection, end) in &self.crowd.ends {
            if stalled.binary_search(connection).is_ok() {
                match end {
                    End::Closed(1013) => figures.stalled_closed_1013 += 1,
                    End::Closed(_) | End::Broken(_) | End::Lost(_) => figures.stalled_lost += 1,
                }
            }
        }
        figures.stalled = stalled.len() as u64;
    }
}

/// Fills the history: one member sends messages and leaves.
fn fill(scenario: &Scenario, server: &Server, wait: Wait) -> Result<()> {
    let load = Load::Window { senders: 1, outstanding: FILL_OUTSTANDING };
    let groups = vec![Group { rooms: 1, members: 1, stalled: 0, load }];
    let scenario = &Scenario { groups, ..scenario.clone() };
    let mut figures = Figures::default();
    let mut run = Run { scenario, server, fleet: Fleet::new(wait)?, crowd: Crowd::new(scenario) };
    run.join(&mut figures)?;
    let mut sender = Sender::new(scenario);
    sender.start(&mut run.fleet, &mut run.crowd);
    run.crowd.measuring = true;
    let start = Instant::now();
    while run.crowd.deliveries < scenario.history_messages as u64 {
        sender.turn(&mut run.fleet, &mut run.crowd);
        run.fleet.turn(TURN_MAX, &mut run.crowd)?;
        if start.elapsed() > Duration::from_secs(60) {
            bail!("filling the history took over a minute");
        }
    }
    run.drain()?;
    figures.finish(run.crowd);
    if figures.faults.total() > 0 {
        bail!("filling the history failed: {:?}", figures.faults);
    }
    Ok(())
}
