//! What is read aloud to those who do not see the page.

use super::Store;
use crate::room::announce::Announcement;

impl Store {
    /// Puts what is to be read aloud on the page.
    pub(super) fn show_announcements(self) {
        let inner = self.inner();
        let numbers = inner
            .runtime
            .with(|core| core.announcements().recent().iter().map(|(number, _)| *number).collect());
        inner.announced.set(numbers);
    }

    /// The numbers of the announcements that stand on the page. Reactive.
    #[must_use]
    pub fn announced(self) -> Vec<u64> {
        self.inner().announced.with(Clone::clone)
    }

    /// Returns the announcement with this number. `None` once it is gone.
    #[must_use]
    pub fn announcement(self, number: u64) -> Option<Announcement> {
        self.inner().runtime.with(|core| {
            let mut recent = core.announcements().recent().iter();
            recent.find(|(known, _)| *known == number).map(|(_, announcement)| announcement.clone())
        })
    }
}
