//! The random plan of a round: the clients of each room, and the end of the round.

use fastrand::Rng;

/// Rooms with clients at the same time.
pub(crate) const ROOMS: usize = 16;

/// Maximum number of deliveries to all clients before the kill. Half of it, a quarter and so on are equally
/// likely maxima, so that some kills happen while the rooms fill.
const DELIVERIES_MAX: u32 = 30_000;
const DELIVERIES_HALVINGS_MAX: u32 = 4;

/// Maximum number of clients that leave before a shutdown is killed. There are always more clients.
const GONE_CLIENTS_MAX: u32 = 40;

/// Maximum number of starts that are killed in a round.
const STARTS_KILLED_MAX: usize = 3;

/// Maximum number of messages in a burst.
const BURST_MESSAGES_MAX: usize = 30;

/// Maximum length of most texts, and of one text in [`LONG_ONE_IN`].
const TEXT_CHARS_MAX: usize = 60;
const LONG_TEXT_CHARS_MAX: usize = 4096;
const LONG_ONE_IN: usize = 30;

/// Parts of texts, with characters that are special in JSON, SQL or UTF-8.
const LETTERS: [char; 14] =
    ['a', 'Z', '7', ' ', 'é', '聊', '😀', '"', '\\', '\'', '\n', '\0', '<', '\u{202e}'];

/// The role of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Only listens.
    Listener,
    /// Sends bursts, and usually waits until they come back.
    Writer,
    /// Joins, talks, renames itself and leaves, repeatedly.
    Wanderer,
    /// Requests pages while others talk.
    Pager,
    /// Talks and does not read.
    Deaf,
}

/// The end of a round. The server is always killed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CloseReason {
    /// The server is killed under load.
    Kill,
    /// The server is killed under load, and again during starts. Each number is a fraction of the time of a
    /// start.
    KillStartsToo(Vec<f64>),
    /// The server gets a signal, and is killed when this many clients have ended.
    KillShutdown { gone: u32 },
}

/// A round.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The roles in each room.
    pub(crate) rooms: Vec<Vec<Role>>,
    /// Deliveries after which the round ends.
    pub(crate) deliveries: u32,
    pub(crate) ending: CloseReason,
    /// Whether the next server has one processor, and therefore the single-threaded runtime.
    pub(crate) is_next_on_one_processor: bool,
    /// The random generator of the clients.
    pub(crate) rng: Rng,
}

impl Plan {
    /// Draws a round. Any five consecutive rounds have all three ends.
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

/// Draws the roles of a room. At least two members always write, so that readers never wait without end.
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

/// Draws the texts of a burst. Each text contains `number`, which counts all texts of the connection, so
/// texts are unique.
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
