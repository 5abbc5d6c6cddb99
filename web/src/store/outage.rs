//! What an outage leads to: the page says so, and looks for a new version once it is over, for a
//! server that was away may have come back with one.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Store;
use crate::connection::Phase;
use crate::version;

impl Store {
    /// Takes in where the connection stands.
    pub(super) fn note_outage(self, phase: Phase) {
        let was_cut = self.is_cut.get_untracked();
        match phase {
            Phase::Lost { .. } | Phase::Retrying { .. } if !was_cut => self.is_cut.set(true),
            Phase::Connected if was_cut => {
                self.is_cut.set(false);
                self.look_for_new_version();
            }
            _ => {}
        }
    }

    fn look_for_new_version(self) {
        spawn_local(async move {
            if !self.is_outdated.get_untracked() && version::is_outdated().await {
                self.is_outdated.set(true);
            }
        });
    }
}
