//! The scenarios: their loads, sizes and durations.

/// The load of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// No messages.
    Idle,
    /// Messages at a fixed rate for the whole group, independent of answers. The latency of each counts
    /// from its due time.
    Rate { messages_per_second: f64 },
    /// Each sender keeps a number of messages in flight, and sends the next when one comes back.
    Window { senders: usize, outstanding: usize },
}

/// Rooms of one size under one load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) rooms: usize,
    /// Members of each room.
    pub(crate) members: usize,
    /// Members of each room that stop reading after the greeting.
    pub(crate) stalled: usize,
    pub(crate) load: Load,
}

/// Loads, and how long they last.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The varied quantity, for a point of a sweep.
    pub(crate) x: Option<u64>,
    /// The groups. Latencies are those of the last one.
    pub(crate) groups: Vec<Group>,
    pub(crate) text_bytes: usize,
    /// Clients that connect at the same time.
    pub(crate) joins_in_flight: usize,
    /// Messages in the history of room 0 of the first group.
    pub(crate) history_messages: usize,
    pub(crate) warm_seconds: f64,
    pub(crate) measure_seconds: f64,
    /// Joins are measured instead of messages.
    pub(crate) measures_joins: bool,
    /// Further arguments for the server.
    pub(crate) server_args: &'static [&'static str],
}

const TEXT_BYTES: usize = 128;
/// A small outbox for `stalled`: with the default, members would be closed only after minutes.
const STALLED_ARGS: &[&str] = &["--outbox-bytes-max", "262144"];
const STALLED_TEXT_BYTES: usize = 4096;

/// Sweeps keep the number of deliveries fixed, so that only the varied quantity changes their cost.
const SWEEP_MEMBERS_DELIVERIES_PER_SECOND: f64 = 20_000.0;
const SWEEP_ROOMS_DELIVERIES_PER_SECOND: f64 = 6_000.0;

const SWEEP_MEMBERS: [u64; 6] = [10, 30, 100, 300, 1000, 3000];
const SWEEP_ROOMS: [u64; 6] = [10, 30, 100, 300, 1000, 3000];
const SWEEP_RATE: [u64; 6] = [10, 50, 200, 1000, 2000, 5000];
const SWEEP_HISTORY: [u64; 3] = [0, 1000, 10_000];

/// The values of `--scenarios`.
pub(crate) const NAMES: [&str; 12] = [
    "small",
    "big",
    "flood",
    "many",
    "storm",
    "idle",
    "quiet",
    "stalled",
    "sweep-members",
    "sweep-rooms",
    "sweep-rate",
    "sweep-history",
];

/// Returns the scenario of a name, or the points of a sweep. Empty for an unknown name.
pub(crate) fn named(name: &str) -> Vec<Scenario> {
    let rate = |messages_per_second| Load::Rate { messages_per_second };
    let window = |senders, outstanding| Load::Window { senders, outstanding };
    let flood = group(1, 1000, window(20, 4));
    match name {
        "small" => {
            vec![Scenario { text_bytes: 64, ..of("small", vec![group(1, 2, window(1, 1))]) }]
        }
        "big" => vec![of("big", vec![group(1, 1000, rate(50.0))])],
        "flood" => vec![of("flood", vec![flood])],
        "many" => vec![of("many", vec![group(1000, 10, rate(1000.0))])],
        "storm" => {
            vec![Scenario { measures_joins: true, ..of("storm", vec![group(1, 2000, Load::Idle)]) }]
        }
        "idle" => vec![of("idle", vec![group(1000, 10, Load::Idle)])],
        "quiet" => vec![of("quiet", vec![flood, group(1, 2, rate(20.0))])],
        "stalled" => vec![Scenario {
            text_bytes: STALLED_TEXT_BYTES,
            measure_seconds: 25.0,
            server_args: STALLED_ARGS,
            ..of("stalled", vec![Group { stalled: 50, ..group(1, 1000, rate(50.0)) }])
        }],
        "sweep-members" => sweep("sweep-members", &SWEEP_MEMBERS, |x| {
            group(1, x as usize, rate(SWEEP_MEMBERS_DELIVERIES_PER_SECOND / x as f64))
        }),
        "sweep-rooms" => sweep("sweep-rooms", &SWEEP_ROOMS, |x| {
            group(x as usize, 3, rate(SWEEP_ROOMS_DELIVERIES_PER_SECOND / 3.0))
        }),
        "sweep-rate" => sweep("sweep-rate", &SWEEP_RATE, |x| group(1, 100, rate(x as f64))),
        "sweep-history" => {
            let mut points = sweep("sweep-history", &SWEEP_HISTORY, |_| group(1, 100, rate(100.0)));
            for (point, messages) in points.iter_mut().zip(SWEEP_HISTORY) {
                point.history_messages = messages as usize;
            }
            points
        }
        _ => Vec::new(),
    }
}

fn group(rooms: usize, members: usize, load: Load) -> Group {
    Group { rooms, members, stalled: 0, load }
}

fn of(name: &'static str, groups: Vec<Group>) -> Scenario {
    Scenario {
        name,
        x: None,
        groups,
        text_bytes: TEXT_BYTES,
        joins_in_flight: 400,
        history_messages: 0,
        warm_seconds: 1.0,
        measure_seconds: 5.0,
        measures_joins: false,
        server_args: &[],
    }
}

fn sweep(name: &'static str, points: &[u64], group: impl Fn(u64) -> Group) -> Vec<Scenario> {
    let point =
        |x: &u64| Scenario { x: Some(*x), measure_seconds: 3.0, ..of(name, vec![group(*x)]) };
    points.iter().map(point).collect()
}

impl Scenario {
    /// Returns a small version, for tests of the load generator.
    pub(crate) fn quick(mut self) -> Self {
        const SHARE: usize = 20;
        for group in &mut self.groups {
            if group.rooms > 1 {
                group.rooms = (group.rooms / SHARE).max(2);
            } else if group.members > 2 {
                group.members = (group.members / SHARE).max(5);
            }
            group.stalled = group.stalled.min(group.members / SHARE);
            group.load = match group.load {
                Load::Rate { messages_per_second } if group.rooms > 1 => {
                    Load::Rate { messages_per_second: messages_per_second.min(200.0) }
                }
                Load::Rate { messages_per_second } => {
                    Load::Rate { messages_per_second: messages_per_second.min(50.0) }
                }
                Load::Window { senders, outstanding } => {
                    Load::Window { senders: senders.min(group.members), outstanding }
                }
                Load::Idle => Load::Idle,
            };
        }
        self.history_messages /= SHARE;
        self.warm_seconds = 0.1;
        self.measure_seconds = 0.4;
        self
    }

    /// Returns the number of connections.
    pub(crate) fn connections(&self) -> usize {
        self.groups.iter().map(|group| group.rooms * group.members).sum()
    }

    /// Returns the name, with the point of a sweep.
    pub(crate) fn label(&self) -> String {
        self.x.map_or_else(|| self.name.to_owned(), |x| format!("{} {x}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_scenarios_with_small_versions() {
        for name in NAMES {
            let scenarios = named(name);
            assert!(!scenarios.is_empty(), "{name}");
            for scenario in scenarios {
                assert_eq!(scenario.name, name);
                assert!(scenario.quick().connections() <= 1000, "{name}");
            }
        }
        assert!(named("none").is_empty());
    }
}
