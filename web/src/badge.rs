//! The title and icon of the browser tab, with the number of unread messages.

use std::cell::Cell;

use web_sys::Element;
use xmeet_shared::RoomId;

use crate::browser;
use crate::encoding::encode;

/// The icon without its closing tag.
const MARK: &str = include_str!("../icon.svg").split_at(MARK_LEN).0;
const MARK_LEN: usize = include_str!("../icon.svg").len() - "</svg>\n".len();

/// The badge before its number: white on cinnabar with a white rim, so that it is visible on light and
/// dark tabs.
const BADGE: &str = "<circle cx=\"21\" cy=\"11\" r=\"10\" fill=\"#c2371d\" stroke=\"#fff\" \
    stroke-width=\"2\"/><text x=\"21\" y=\"16\" fill=\"#fff\" font-family=\"sans-serif\" \
    font-size=\"14\" font-weight=\"700\" text-anchor=\"middle\">";

/// The numbers that fit on the icon. The last one stands for all larger numbers.
const DIGITS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "9+"];

/// The browser tab of a room.
pub struct Tab {
    title: String,
    icon: Option<Element>,
    /// The address of the icon without a number.
    plain: String,
    shown: Cell<u64>,
}

impl Tab {
    /// Returns the tab of this page and sets its title.
    #[must_use]
    pub fn of(room: &RoomId) -> Self {
        let title = format!("{room} · XMeet");
        browser::document().set_title(&title);
        let icon = browser::document().query_selector("link[rel=icon]").ok().flatten();
        let plain = icon.as_ref().and_then(|icon| icon.get_attribute("href")).unwrap_or_default();
        Self { title, icon, plain, shown: Cell::new(0) }
    }

    /// Shows the number of unread messages on the title and the icon.
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

/// Returns the address of the icon with a number.
fn badge(count: u64) -> String {
    let place = usize::try_from(count - 1).unwrap_or(DIGITS.len()).min(DIGITS.len() - 1);
    let image = [MARK, BADGE, DIGITS[place], "</text></svg>"].concat();
    ["data:image/svg+xml,", &encode(&image)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icon_has_the_mark_and_at_most_nine_plus() {
        for (count, shown) in [(1, "1"), (9, "9"), (10, "9+"), (4_000, "9+")] {
            let icon = badge(count);
            assert!(icon.starts_with("data:image/svg+xml,%3Csvg"), "{icon}");
            assert!(icon.ends_with(&encode(&format!(">{shown}</text></svg>"))), "{icon}");
        }
    }
}
