//! Keeps the draft in the browser, with at most two writes each half second.

use leptos::prelude::*;

use super::Store;
use crate::{browser, storage};

/// How long changes are collected before they are written.
const COLLECT_MS: i32 = 500;

impl Store {
    pub(super) fn keep_what_is_typed(self) {
        storage::on_failure(move || self.storage_failed.set(true));
        // For `boot.js`, which keeps the draft when this program has crashed.
        browser::set_root_attribute("data-draft", Some(&storage::draft_key(&self.room_id())));
        for event in ["pagehide", "visibilitychange"] {
            browser::on(event, move || self.save());
        }
    }

    /// Writes the draft: at once, and then what changes within [`COLLECT_MS`] at its end.
    pub(super) fn save_soon(self) {
        if self.inner().save_is_set.replace(true) {
            return;
        }
        self.save();
        browser::after(COLLECT_MS, move || {
            self.inner().save_is_set.set(false);
            self.save();
        });
    }

    fn save(self) {
        let inner = self.inner();
        let draft = self.draft.get_untracked();
        if inner.saved_draft.replace(draft.clone()) != draft {
            storage::set_draft(&inner.room_id, &draft);
        }
    }
}
