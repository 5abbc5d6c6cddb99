//! Every text of the page, in each language. A language is one constant of the type [`Text`], so a
//! translation that is missing does not compile.

mod en;
mod zh;

use xmeet_shared::{ErrorCode, NicknameError, RoomIdError};

use crate::page::BadRoom;
use crate::room::Notice;
use crate::time::{Day, LocalTime};

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Returns the tag for the `lang` attribute and for storage.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// Returns the language for a tag, as in `navigator.language`.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let is_chinese = tag.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("zh"));
        if is_chinese { Self::Zh } else { Self::En }
    }

    /// Returns the other language.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Zh => Self::En,
            Self::En => Self::Zh,
        }
    }

    /// Returns the texts of the language.
    #[must_use]
    pub fn text(self) -> &'static Text {
        match self {
            Self::Zh => &zh::TEXT,
            Self::En => &en::TEXT,
        }
    }
}

/// A text with a number in it.
type Counted = fn(u64) -> String;
/// The text before and after a name, which stands in an element of its own.
type Affixes = (&'static str, &'static str);

/// Every text of the page.
#[expect(missing_docs, reason = "each name says which text it is")]
pub struct Text {
    pub tagline: &'static str,
    pub pitch: &'static str,
    pub steps: [(&'static str, &'static str); 3],
    pub room_label: &'static str,
    pub room_hint: &'static str,
    pub room_random: &'static str,
    pub room_long: Counted,
    pub nickname_label: &'static str,
    pub nickname_hint: &'static str,
    pub go: &'static str,
    pub recent: &'static str,
    pub recent_forget: &'static str,
    pub forget_all: &'static str,
    pub forget_all_sure: &'static str,
    pub home: &'static str,
    pub switch_language: &'static str,
    pub theme_to_dark: &'static str,
    pub theme_to_light: &'static str,

    pub room_empty: &'static str,
    pub room_too_long: Counted,
    pub room_control: &'static str,
    pub room_dots: &'static str,
    pub room_not_text: &'static str,
    pub room_elsewhere: &'static str,
    pub open_there: &'static str,
    pub page_unknown: &'static str,
    pub bad_room: &'static str,
    pub back_home: &'static str,
    pub nickname_empty: &'static str,
    pub nickname_too_long: Counted,

    pub members: &'static str,
    pub member_count: Counted,
    pub members_show: &'static str,
    pub members_close: &'static str,
    pub member_filter: &'static str,
    pub members_found: Counted,
    pub you: &'static str,
    pub lookalike: &'static str,
    pub share: &'static str,
    pub share_done: &'static str,
    pub share_failed: &'static str,
    pub share_title: &'static str,
    pub share_hint: &'static str,
    pub share_link: &'static str,
    pub share_copy: &'static str,
    pub share_sheet: &'static str,
    pub share_code: &'static str,
    pub close: &'static str,

    pub connecting: &'static str,
    pub connected: &'static str,
    pub lost: &'static str,
    pub retrying: &'static str,
    pub retrying_in: Counted,
    pub stopped_left: &'static str,
    pub stopped_rate: &'static str,
    pub stopped_refused: &'static str,
    pub try_now: &'static str,
    pub connect_again: &'static str,
    pub said_lost: &'static str,
    pub said_back: &'static str,
    pub full: &'static str,
    pub full_hint: &'static str,
    pub offline_title: &'static str,
    pub offline_hint: &'static str,
    pub new_version: &'static str,
    pub storage_failed: &'static str,
    pub reload: &'static str,

    pub log_label: &'static str,
    pub loading_older: &'static str,
    pub load_older: &'static str,
    pub load_failed: &'static str,
    pub retry: &'static str,
    pub beginning: &'static str,
    pub older_gone: &'static str,
    pub history_off: &'static str,
    pub missed_not_kept: &'static str,
    pub empty_title: &'static str,
    pub empty_hint: &'static str,
    pub gap: Counted,
    pub gap_gone: Counted,
    pub gap_load: &'static str,
    pub new_messages: Counted,
    pub jump: &'static str,
    pub joined: Affixes,
    pub left: Affixes,
    pub renamed: Affixes,
    pub comma: &'static str,
    pub more_people: Counted,
    pub hide_lines: &'static str,
    pub earlier_lines: Counted,
    pub show_more: &'static str,
    pub show_less: &'static str,
    pub unread_line: &'static str,

    pub menu: &'static str,
    pub menu_oldest: &'static str,
    pub menu_lines: &'static str,
    pub notify: &'static str,
    pub notify_denied: &'static str,
    pub notify_failed: &'static str,
    pub notify_on: &'static str,
    pub sound: &'static str,
    pub return_sends: &'static str,

    pub waiting: &'static str,
    pub waiting_turn: &'static str,
    pub sending: &'static str,
    pub unconfirmed: &'static str,
    pub send_again: &'static str,
    pub put_back: &'static str,

    pub composer_label: &'static str,
    pub composer_hint: fn(&str) -> String,
    pub composer_keys: &'static str,
    pub composer_keys_line: &'static str,
    pub send: &'static str,
    pub bytes_left: Counted,
    pub bytes_over: Counted,
    pub rename: &'static str,
    pub rename_label: &'static str,
    pub rename_save: &'static str,
    pub rename_offline: &'static str,
    pub cancel: &'static str,
    pub command_rename: Affixes,
    pub command_bad_name: &'static str,
    pub command_history: Counted,
    pub command_bad_history: &'static str,
    /// For a private message, which the server does not send.
    pub command_private: &'static str,
    pub command_do_rename: &'static str,
    pub command_do_history: &'static str,
    pub command_say: &'static str,
    pub command_say_hint: &'static str,
    pub no_such_page: &'static str,
    pub mention_menu: &'static str,
    pub mentions_you: &'static str,
    pub command_older: &'static str,

    pub dismiss: &'static str,
    pub error_cursor: &'static str,
    pub error_nickname: &'static str,
    pub error_unsupported: &'static str,
    pub error_too_large: &'static str,
    pub error_rate: &'static str,
    pub error_rate_for: Counted,
    pub error_storage: &'static str,
    pub error_other: &'static str,

    pub today: &'static str,
    pub yesterday: &'static str,
    pub date: fn(Day) -> String,
}

impl Text {
    /// Returns why a text is not a room name.
    #[must_use]
    pub fn bad_room_reason(&self, error: BadRoom) -> String {
        match error {
            BadRoom::Id(RoomIdError::Empty) => self.room_empty.to_owned(),
            BadRoom::Id(RoomIdError::TooLong { bytes }) => (self.room_too_long)(bytes as u64),
            BadRoom::Id(RoomIdError::ControlCharacter) => self.room_control.to_owned(),
            BadRoom::Id(RoomIdError::DotSegment) => self.room_dots.to_owned(),
            BadRoom::NotText => self.room_not_text.to_owned(),
            BadRoom::Elsewhere => self.room_elsewhere.to_owned(),
        }
    }

    /// Returns why a text is not a nickname.
    #[must_use]
    pub fn bad_nickname_reason(&self, error: NicknameError) -> String {
        match error {
            NicknameError::Empty => self.nickname_empty.to_owned(),
            NicknameError::TooLong { chars } => (self.nickname_too_long)(chars as u64),
        }
    }

    /// Returns what the server could not do. The text follows the error's code: the server's own words
    /// are in one language. `wait_s` is the rest of a pause in seconds, 0 for none.
    #[must_use]
    pub fn notice(&self, notice: &Notice, wait_s: u64) -> String {
        let words = match notice.code {
            Some(ErrorCode::BadCursor) => self.error_cursor,
            Some(ErrorCode::BadNickname) => self.error_nickname,
            Some(ErrorCode::Unsupported) => self.error_unsupported,
            Some(ErrorCode::TooLarge) => self.error_too_large,
            Some(ErrorCode::RateLimited) if wait_s > 0 => return (self.error_rate_for)(wait_s),
            Some(ErrorCode::RateLimited) => self.error_rate,
            Some(ErrorCode::Storage) => self.error_storage,
            _ => return format!("{}{}", self.error_other, notice.words),
        };
        words.to_owned()
    }

    /// Returns a time in full: date, time and zone.
    #[must_use]
    pub fn moment(&self, time: &LocalTime) -> String {
        format!("{} {}", (self.date)(time.day), time.clock_and_zone())
    }

    /// Returns why the connection ended for good, by the close code.
    #[must_use]
    pub fn stopped(&self, code: u16) -> &'static str {
        match code {
            1000 => self.stopped_left,
            1008 => self.stopped_rate,
            _ => self.stopped_refused,
        }
    }

    /// Returns the name of a day: today, yesterday, or its date.
    #[must_use]
    pub fn day(&self, day: Day, today: Day) -> String {
        match today.0 - day.0 {
            0 => self.today.to_owned(),
            1 => self.yesterday.to_owned(),
            _ => (self.date)(day),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_language_selects_the_texts() {
        for (tag, lang) in
            [("zh", Lang::Zh), ("zh-TW", Lang::Zh), ("ZH-hans", Lang::Zh), ("en-GB", Lang::En)]
        {
            assert_eq!(Lang::from_tag(tag), lang, "{tag}");
        }
        for tag in ["", "z", "fr", "é", "汉语"] {
            assert_eq!(Lang::from_tag(tag), Lang::En, "{tag}");
        }
        assert_eq!(Lang::from_tag(Lang::Zh.tag()), Lang::Zh);
    }

    #[test]
    fn every_error_code_has_a_text_in_both_languages() {
        let codes =
            ["bad_cursor", "bad_nickname", "unsupported", "too_large", "rate_limited", "storage"];
        for code in codes {
            let code = Some(ErrorCode::from(code));
            let notice = Notice { code, words: "SERVER".into(), retry_after_ms: None };
            let (zh, en) = (Lang::Zh.text().notice(&notice, 0), Lang::En.text().notice(&notice, 0));
            assert!(!zh.contains("SERVER") && !en.contains("SERVER"));
            assert_ne!(zh, en);
        }
        let code = Some(ErrorCode::RateLimited);
        let wait = Notice { code, words: String::new(), retry_after_ms: Some(3_000) };
        assert!(Lang::En.text().notice(&wait, 3).contains("3 s"));
        assert!(Lang::Zh.text().notice(&wait, 3).contains("3 秒"));
        let unknown = Notice { code: None, words: "SERVER".into(), retry_after_ms: None };
        assert!(Lang::Zh.text().notice(&unknown, 0).contains("SERVER"));
    }

    #[test]
    fn recent_days_have_names_and_others_dates() {
        let (zh, en) = (Lang::Zh.text(), Lang::En.text());
        let today = Day(16_533); // 2015-04-08, a Wednesday
        assert_eq!((zh.day(today, today), en.day(today, today)), ("今天".into(), "Today".into()));
        assert_eq!(en.day(Day(today.0 - 1), today), "Yesterday");
        assert_eq!(zh.day(today, Day(today.0 + 2)), "2015年4月8日 星期三");
        assert_eq!(en.day(today, Day(today.0 + 2)), "Wednesday, 8 April 2015");
        assert_eq!(en.day(today, Day(today.0 - 1)), "Wednesday, 8 April 2015");
    }

    #[test]
    fn singular_and_plural_follow_the_count() {
        assert_eq!((Lang::En.text().gap)(1), "1 message not loaded");
        assert_eq!((Lang::En.text().gap)(2), "2 messages not loaded");
        assert_eq!((Lang::En.text().new_messages)(1), "1 new message");
    }
}
