//! What a round does, drawn from the seed: who is in which room, and how the round ends.

use fastrand::Rng;

/// Rooms that are spoken in at once.
pub(crate) const ROOMS: usize = 16;

/// The kill comes after this many deliveries at most, counted over all clients. Half of that, a
/// quarter and so on are limits too, as often as this: the rooms are just filling then.
const DELIVERIES_MAX: u32 = 30_000;
const DELIVERIES_HALVINGS_MAX: u32 = 4;

/// A shutdown is cut short when this many clients have gone, at most. There are always more.
const GONE_CLIENTS_MAX: u32 = 40;

/// Starts that are killed before they have recovered, at most.
const STARTS_KILLED_MAX: usize = 3;

/// Messages that a writer sends at once, at most.
const BURST_MESSAGES_MAX: usize = 30;

/// The length of most texts, and of one in [`LONG_ONE_IN`], at most.
const TEXT_CHARS_MAX: usize = 60;
const LONG_TEXT_CHARS_MAX: usize = 4096;
const LONG_ONE_IN: usize = 30;

/// What texts are made of: all that JSON, SQL or UTF-8 could trip over.
const LETTERS: [char; 14] =
    ['a', 'Z', '7', ' ', 'é', '聊', '😀', '"', '\\', '\'', '\n', '\0', '<', '\u{202e}'];

/// What a client does in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Only listens.
    Listener,
    /// Says bursts of messages, and waits for most of them to come back.
    Writer,
    /// Comes, says something, takes another name and goes, again and again.
    Wanderer,
    /// Asks for pages while others speak.
    Pager,
    /// Speaks and does not read.
    Deaf,
}

/// How a round ends. However that is, the server was killed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CloseReason {
    /// It is killed under load.
    Kill,
    /// And is killed again while it starts: at these parts of the time that a start takes.
    KillStartsToo(Vec<f64>),
    /// It is told to end, and killed once so many clients have gone.
    KillShutdown { gone: u32 },
}

/// A round.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The roles in each room.
    pub(crate) rooms: Vec<Vec<Role>>,
    /// Deliveries after which it ends.
    pub(crate) deliveries: u32,
    pub(crate) ending: CloseReason,
    /// Whether the server that follows has one processor only, and with it the other runtime.
    pub(crate) is_next_on_one_processor: bool,
    /// Where its clients take their choices from.
    pub(crate) rng: Rng,
}

impl Plan {
    /// Draws a round. Every five rounds have all three endings.
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let turn = (rng.u64(..) % 5 + round) % 5;
        let mut rng = Rng::with_seed(rng.u64(..) ^ round);
        let rooms = (0..ROOMS).map(|_| roles(&mut rng)).collect();
        let deliveries_max = DELIVERIES_MAX >> rng.u32(..=DELIVERIES_HALVINGS_MAX);
        let deliveries = rng.u32(1..=deliveries_max);
        let ending = match turn {
            0 => {
                let count = rng.usize(1..=STARTS_KILLED_MAX);
                CloseReason::KillStartsToo((0..count).map(|_| rng.f64()).collect())
            }
            1 => CloseReason::KillShutdown { gone: rng.u32(0..=GONE_CLIENTS_MAX) },
            _ => CloseReason::Kill,
        };
        Self { rooms, deliveries, ending, is_next_on_one_processor: round % 2 == 1, rng }
    }
}

/// Who is in a room: at least two who always write, so that nobody there waits in vain.
fn roles(rng: &mut Rng) -> Vec<Role> {
    let counts = [
        (Role::Listener, rng.usize(1..=3)),
        (Role::Writer, rng.usize(2..=3)),
        (Role::Wanderer, rng.usize(0..=2)),
        (Role::Pager, rng.usize(0..=1)),
        (Role::Deaf, usize::from(rng.u8(..4) == 0)),
    ];
    counts.into_iter().flat_map(|(role, count)| std::iter::repeat_n(role, count)).collect()
}

/// Some messages to send at once. `number` counts them over the whole connection, and is in each
/// text, so that no two texts of it are the same.
pub(crate) fn burst(rng: &mut Rng, number: &mut u64) -> Vec<String> {
    let count = rng.usize(1..=BURST_MESSAGES_MAX);
    let mut text = || {
        let chars_max = match rng.usize(..LONG_ONE_IN) {
            0 => LONG_TEXT_CHARS_MAX,
            _ => TEXT_CHARS_MAX,
        };
        *number += 1;
        let mut text = format!("{number} ");
        text.extend((0..rng.usize(..chars_max)).map(|_| LETTERS[rng.usize(..LETTERS.len())]));
        text
    };
    (0..count).map(|_| text()).collect()
}
