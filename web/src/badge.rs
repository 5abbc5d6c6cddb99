//! The page's tab: its title and its icon, with the number of unread messages on both.

use std::cell::Cell;

use web_sys::Element;
use xmeet_shared::RoomId;

use crate::browser;
use crate::encoding::encode;

/// The icon, its last tag left out, and what a badge puts there: white on cinnabar with a white
/// rim, so that it stands out in light and dark tabs alike.
const MARK: &str = include_str!("../icon.svg").split_at(MARK_LEN).0;
const MARK_LEN: usize = include_str!("../icon.svg").len() - "</svg>\n".len();
const BADGE: &str = "<circle cx=\"21\" cy=\"11\" r=\"10\" fill=\"#c2371d\" stroke=\"#fff\" \
    stroke-width=\"2\"/><text x=\"21\" y=\"16\" fill=\"#fff\" font-family=\"sans-serif\" \
    font-size=\"14\" font-weight=\"700\" text-anchor=\"middle\">";

/// What an icon has room for: any more is this and more.
const DIGITS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "9+"];

/// The tab of a room.
pub struct Tab {
    title: String,
    icon: Option<Element>,
    /// The address of the icon as it is without a number.
    plain: String,
    shown: Cell<u64>,
}

impl Tab {
    /// The tab that this page is in.
    #[must_use]
    pub fn of(room: &RoomId) -> Self {
        let title = format!("{room} · XMeet");
        browser::document().set_title(&title);
        let icon = browser::document().query_selector("link[rel=icon]").ok().flatten();
        let plain = icon.as_ref().and_then(|icon| icon.get_attribute("href")).unwrap_or_default();
        Self { title, icon, plain, shown: Cell::new(0) }
    }

    /// Shows how many messages are unread.
    pub fn show(&self, count: u64) {
        if self.shown.replace(count) == count {
            return;
        }
        let (title, icon) = match count {
            0 => (self.title.clone(), self.plain.clone()),
            _ => (format!("({count}) {}", self.title), badge(count)),
        };
        browser::document().set_title(&title);
        if let Some(element) = &self.icon {
            let _ = element.set_attribute("href", &icon);
        }
    }
}

/// The icon with a number on it.
fn badge(count: u64) -> String {
    let place = usize::try_from(count - 1).unwrap_or(DIGITS.len()).min(DIGITS.len() - 1);
    let image = [MARK, BADGE, DIGITS[place], "</text></svg>"].concat();
    ["data:image/svg+xml,", &encode(&image)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_bears_the_mark_and_a_number_that_fits() {
        for (count, shown) in [(1, "1"), (9, "9"), (10, "9+"), (4_000, "9+")] {
            let icon = badge(count);
            assert!(icon.starts_with("data:image/svg+xml,%3Csvg"), "{icon}");
            assert!(icon.ends_with(&encode(&format!(">{shown}</text></svg>"))), "{icon}");
        }
    }
}
