//! Metrics of rooms and members.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Metrics of rooms and members.
#[derive(Debug, Default)]
pub struct RoomMetrics {
    /// Rooms in memory.
    pub rooms: Gauge,
    /// Members of all rooms, including those with a lost connection in their grace period.
    pub members: Gauge,
    /// Rooms that panicked.
    pub panics: Counter,
    /// Outcomes of members that can resume.
    pub resumes: Family<ResumeLabels, Counter>,
}

/// The outcome of a member that can resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResumeLabels {
    /// The outcome.
    pub outcome: ResumeOutcome,
}

/// The outcome of a member that can resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResumeOutcome {
    /// A member with a lost connection resumed in time.
    Returned,
    /// A new connection replaced one that was still open.
    TookOver,
    /// No member had the token, so a new member joined.
    New,
    /// The grace period of a member with a lost connection has ended.
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
    /// Counts an outcome.
    pub fn count_resume(&self, outcome: ResumeOutcome) {
        self.resumes.get_or_create(&ResumeLabels { outcome }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { rooms, members, panics, resumes } = self;
        registry.register("rooms", "Rooms in memory", rooms.clone());
        let help = "Members of all rooms, including those in their grace period";
        registry.register("members", help, members.clone());
        registry.register("room_panics", "Rooms that panicked", panics.clone());
        let help = "Members that can resume, by outcome";
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
