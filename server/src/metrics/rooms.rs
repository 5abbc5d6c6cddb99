//! What is counted of rooms and their members.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Of rooms and their members.
#[derive(Debug, Default)]
pub struct RoomMetrics {
    /// Rooms in memory.
    pub rooms: Gauge,
    /// Members of all rooms, those included whose connection is lost and who are waited for.
    pub members: Gauge,
    /// Rooms that ended by a panic.
    pub panics: Counter,
    /// What became of members that can come back.
    pub resumes: Family<ResumeLabels, Counter>,
}

/// What a resume came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResumeLabels {
    /// What it came to.
    pub outcome: ResumeOutcome,
}

/// What a resume came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResumeOutcome {
    /// A lost member came back.
    Returned,
    /// A connection took over a member that was connected still.
    TookOver,
    /// No member had this token: a new one joined.
    New,
    /// A lost member did not come back in time.
    Expired,
}

impl EncodeLabelValue for ResumeOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let word = match self {
            Self::Returned => "returned",
            Self::TookOver => "took_over",
            Self::New => "new",
            Self::Expired => "expired",
        };
        word.encode(encoder)
    }
}

impl RoomMetrics {
    /// Counts what a resume came to.
    pub fn resumed(&self, outcome: ResumeOutcome) {
        self.resumes.get_or_create(&ResumeLabels { outcome }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { rooms, members, panics, resumes } = self;
        registry.register("rooms", "Rooms in memory", rooms.clone());
        let help = "Members of all rooms, with those that are waited for";
        registry.register("members", help, members.clone());
        registry.register("room_panics", "Rooms that ended by a panic", panics.clone());
        let help = "Members that can come back, by what became of that";
        registry.register("resumes", help, resumes.clone());
        for outcome in [
            ResumeOutcome::Returned,
            ResumeOutcome::TookOver,
            ResumeOutcome::New,
            ResumeOutcome::Expired,
        ] {
            drop(resumes.get_or_create(&ResumeLabels { outcome }));
        }
    }
}
