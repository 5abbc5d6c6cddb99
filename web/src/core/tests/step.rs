//! The steps of a simulation in a [`World`].

use proptest::prelude::*;
use xmeet_shared::ErrorCode;

use super::world::{Request, World};
use crate::core::Input;
use crate::room::tests::{error, frame};

/// The texts of a burst, more than a history page has.
const BURST_TEXTS: u8 = 70;

/// The number of distinct texts that the person types. Equal texts must not be confused.
const TYPED_TEXTS: u8 = 3;

/// The most messages that the server drops in one step.
const DROP_MAX: u8 = 39;

/// A step of a simulation.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Another member sends a text.
    Text(u8),
    /// Another member sends a text that the server does not store.
    UnstoredText(u8),
    /// A member joins or leaves.
    JoinOrLeave(u8),
    /// A member renames.
    Rename(u8),
    /// The person sends a text.
    Type(u8),
    /// The server handles the next request.
    Serve,
    /// The server handles the next request, and refuses it by rate limit if it is for a page.
    RateLimit,
    /// The wait of the latest rate-limited request ends.
    EndWait,
    /// The oldest page request times out.
    TimeOut,
    /// The client receives the next frame.
    Deliver,
    /// The list nears its top.
    LoadOlder,
    /// The list nears a gap.
    LoadGap,
    /// The connection closes. Its requests and frames are lost.
    Disconnect,
    /// The client connects.
    Connect,
    /// The page closes, and another one starts with its storage.
    Reload,
    /// The server drops up to [`DROP_MAX`] of its oldest messages.
    DropOldest(u8),
    /// The rows are drawn for a reader who is so many messages above the newest one. `None` is a
    /// reader at the bottom.
    Draw(Option<u8>),
    /// The person jumps to the newest message.
    Jump,
    /// Another member sends [`BURST_TEXTS`] texts.
    Burst,
    /// The client reconnects to a server whose store was wiped.
    WipeStore,
}

/// Returns any step, the frequent ones more often.
pub(super) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Text),
        2 => any::<u8>().prop_map(Step::UnstoredText),
        1 => any::<u8>().prop_map(Step::JoinOrLeave),
        1 => any::<u8>().prop_map(Step::Rename),
        2 => any::<u8>().prop_map(Step::Type),
        8 => Just(Step::Serve),
        2 => Just(Step::RateLimit),
        2 => Just(Step::EndWait),
        1 => Just(Step::TimeOut),
        12 => Just(Step::Deliver),
        4 => Just(Step::LoadOlder),
        2 => Just(Step::LoadGap),
        1 => Just(Step::Disconnect),
        2 => Just(Step::Connect),
        1 => Just(Step::Reload),
        1 => any::<u8>().prop_map(Step::DropOldest),
        4 => any::<Option<u8>>().prop_map(Step::Draw),
        2 => Just(Step::Jump),
        1 => Just(Step::Burst),
        1 => Just(Step::WipeStore),
    ]
}

impl World {
    /// Executes a step.
    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Text(n) => self.store_text("p0", &format!("s{n}")),
            Step::UnstoredText(n) => self.send_unstored("p1", &format!("u{n}")),
            Step::JoinOrLeave(who) => self.join_or_leave(*who),
            Step::Rename(who) => self.rename(*who),
            Step::Type(n) => {
                let text = format!("t{}", n % TYPED_TEXTS);
                self.typed.push(text.clone());
                self.input(Input::SendText(text));
            }
            Step::Serve => self.serve(),
            Step::RateLimit => match self.requests.front() {
                Some(Request::Page(_)) => {
                    self.requests.pop_front();
                    self.push_frame(frame(&self.me(), error(ErrorCode::RateLimited)));
                }
                _ => self.serve(),
            },
            Step::EndWait => self.expire_retry_timer(),
            Step::Deliver => self.deliver(),
            Step::TimeOut => {
                if let Some(timer) = self.timeouts.pop_front() {
                    self.input(Input::Timer(timer));
                }
            }
            Step::LoadOlder => self.input(Input::LoadOlder { is_retry: true }),
            Step::LoadGap => {
                if let Some(gap) = self.gaps().pop() {
                    let target = if gap.is_tail { gap.first } else { gap.last };
                    self.input(Input::Load { target, is_retry: true });
                }
            }
            Step::Draw(up) => {
                let head = self.room().log().head();
                let reader = up.map(|up| head.saturating_sub(u64::from(up)));
                self.input(Input::Draw { reader, is_aiming: false });
            }
            Step::Jump => self.input(Input::GoToNewest),
            Step::WipeStore => self.wipe_store(),
            Step::Burst => {
                for n in 0..BURST_TEXTS {
                    self.store_text("p0", &format!("b{n}"));
                }
            }
            Step::Disconnect => self.disconnect(),
            Step::Connect => self.connect(),
            Step::Reload => self.reload(),
            Step::DropOldest(n) => {
                let newest = self.log.len() as u64;
                let oldest_kept = self.oldest_kept + u64::from(n % (DROP_MAX + 1));
                self.oldest_kept = oldest_kept.min(newest.max(1));
            }
        }
    }
}
