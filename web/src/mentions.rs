//! Mentions: which members a text mentions, and which name is being typed.
//!
//! A mention is `@` and a name. A name that ends with a Latin letter must end a word. Other characters
//! can follow a Chinese name directly, so the longest matching name of a present member is the one
//! that is mentioned.

use std::collections::HashSet;

use xmeet_shared::limits::NICKNAME_CHARS_MAX;
use xmeet_shared::{Pid, steps};

use crate::room::members::Person;

/// The most candidates in the mention menu.
const OFFERED_MAX: usize = 8;

/// The most mentions of one name that are checked in a message.
const MENTIONS_PER_MESSAGE_MAX: usize = 64;

/// Returns whether `text` has an `@`, without which it mentions no member.
#[must_use]
pub fn may_mention(text: &str) -> bool {
    text.contains(is_at)
}

/// Returns whether `text` mentions the member called `name`, among `people`.
#[must_use]
pub fn mentions(text: &str, name: &str, people: &[Person]) -> bool {
    let mut found = names_at(text).filter(|after| is_named(after, name)).peekable();
    if found.peek().is_none() {
        return false;
    }
    let longer = LongerNames::of(name, people);
    found.take(MENTIONS_PER_MESSAGE_MAX).any(|after| !longer.begins(after))
}

/// Returns the rest of the text after each `@` that can start a mention.
fn names_at(text: &str) -> impl Iterator<Item = &str> {
    let mut before = None;
    steps::chars(text).filter_map(move |(offset, c)| {
        let is_behind_word = before.replace(c).is_some_and(is_word);
        let may_begin = is_at(c) && !is_behind_word;
        may_begin.then(|| &text[offset + c.len_utf8()..])
    })
}

/// The members' names that extend a given name.
struct LongerNames {
    /// The names in ASCII lower case.
    names: HashSet<String>,
    chars_max: usize,
}

impl LongerNames {
    /// Collects the names among `people` that start with `name` and are longer.
    fn of(name: &str, people: &[Person]) -> Self {
        let is_longer =
            |other: &&Person| other.name.len() > name.len() && starts(&other.name, name);
        let longer = people.iter().filter(is_longer);
        let names: HashSet<_> = longer.map(|other| other.name.to_ascii_lowercase()).collect();
        let chars_max = names.iter().map(|name| steps::chars(name).count()).max().unwrap_or(0);
        Self { names, chars_max }
    }

    /// Returns whether `after` starts with one of the names.
    fn begins(&self, after: &str) -> bool {
        let mut window = String::new();
        steps::chars(after).take(self.chars_max).any(|(_, c)| {
            window.push(c.to_ascii_lowercase());
            steps::add(window.len());
            self.names.contains(&window) && ends_name(&window, &after[window.len()..])
        })
    }
}

/// Returns the mention that is being typed with the caret at byte `caret`: the offset of its `@`, and
/// the typed part of the name.
#[must_use]
pub fn query_at(text: &str, caret: usize) -> Option<(usize, &str)> {
    let before = text.get(..caret)?;
    for (count, (offset, c)) in steps::chars(before).rev().enumerate() {
        if is_at(c) {
            let may_begin = !before[..offset].ends_with(is_word);
            return may_begin.then(|| (offset, &before[offset + c.len_utf8()..]));
        }
        if c.is_whitespace() || count == NICKNAME_CHARS_MAX {
            return None;
        }
    }
    None
}

/// Returns the members, except `me`, whose names start with `typed`, followed by those whose names
/// contain it. Returns at most [`OFFERED_MAX`].
#[must_use]
pub fn candidates(people: &[Person], me: Option<&Pid>, typed: &str) -> Vec<Person> {
    let (mut found, mut inside) = (Vec::new(), Vec::new());
    for person in people.iter().filter(|person| Some(&person.pid) != me) {
        match offset_of(&person.name, typed) {
            Some(0) => found.push(person.clone()),
            Some(_) if inside.len() < OFFERED_MAX => inside.push(person.clone()),
            _ => {}
        }
        if found.len() == OFFERED_MAX {
            return found;
        }
    }
    found.extend(inside);
    found.truncate(OFFERED_MAX);
    found
}

/// Converts an offset in `text` from UTF-16 units, which browsers use, to bytes.
#[must_use]
pub fn byte_at(text: &str, units: u32) -> usize {
    let mut left = units as usize;
    for (offset, c) in steps::chars(text) {
        if left == 0 {
            return offset;
        }
        left = left.saturating_sub(c.len_utf16());
    }
    text.len()
}

/// Returns the length of `text` in UTF-16 units.
#[must_use]
pub fn units(text: &str) -> u32 {
    let units: usize = steps::chars(text).map(|(_, c)| c.len_utf16()).sum();
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Returns whether `c` is an `@` of any width.
fn is_at(c: char) -> bool {
    matches!(c, '@' | '\u{FF20}' | '\u{FE6B}')
}

/// Returns whether `c` is a Latin letter or a digit. An `@` after one is part of an e-mail address.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// Returns whether the text after an `@` starts with `name` as a whole word.
fn is_named(after: &str, name: &str) -> bool {
    !name.is_empty() && starts(after, name) && ends_name(name, &after[name.len()..])
}

/// Returns whether a word ends between `name` and `rest`.
fn ends_name(name: &str, rest: &str) -> bool {
    !(name.ends_with(is_word) && rest.starts_with(is_word))
}

/// Returns the offset of `typed` in a name.
fn offset_of(name: &str, typed: &str) -> Option<usize> {
    (0..=name.len()).find(|offset| name.get(*offset..).is_some_and(|rest| starts(rest, typed)))
}

/// Returns whether `text` starts with `with`, ignoring ASCII case.
fn starts(text: &str, with: &str) -> bool {
    let Some(start) = text.get(..with.len()) else { return false };
    let pairs = start.bytes().zip(with.bytes());
    let is_equal = |(one, other): (u8, u8)| {
        steps::add(1);
        one.eq_ignore_ascii_case(&other)
    };
    pairs.into_iter().all(is_equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> Vec<Person> {
        let person = |(serial, name): (u64, &&str)| Person {
            pid: Pid::new(0, serial, 1),
            name: (*name).into(),
        };
        (1..).zip(names).map(person).collect()
    }

    #[test]
    fn at_sign_and_name_is_a_mention() {
        for (text, name) in [
            ("@Anna hi", "Anna"),
            ("hi @anna", "Anna"),
            ("hi,@Anna!", "Anna"),
            ("你好@Anna", "Anna"),
            ("@Anna你好", "Anna"),
            ("@小明你好", "小明"),
            ("请问@小明", "小明"),
            ("@Anna Lee: hi", "Anna Lee"),
            ("@@Anna", "Anna"),
            ("anna@Anna.org @Anna", "Anna"),
            ("@C++x", "C++"),
            ("＠Anna hi", "Anna"),
            ("请问＠小明", "小明"),
            ("﹫小明", "小明"),
        ] {
            assert!(mentions(text, name, &people(&[name, "Bert"])), "{text}");
        }
    }

    #[test]
    fn addresses_longer_words_and_bare_names_are_no_mentions() {
        for (text, name) in [
            ("mail bert@anna.org", "Anna"),
            ("1@Anna", "Anna"),
            ("bert＠anna.org", "Anna"),
            ("@Annabel", "Anna"),
            ("@Anna2", "Anna"),
            ("Anna", "Anna"),
            ("@ Anna", "Anna"),
            ("@小", "小明"),
            ("@", "Anna"),
            ("@Anna", ""),
        ] {
            assert!(!mentions(text, name, &people(&[name])), "{text}");
        }
    }

    #[test]
    fn longest_matching_name_of_a_present_member_is_mentioned() {
        let both = people(&["小明", "小明明", "Anna", "Anna Lee"]);
        for (text, name, is_meant) in [
            ("@小明明 hi", "小明", false),
            ("@小明明 hi", "小明明", true),
            ("@小明 hi", "小明", true),
            ("@小明明 @小明", "小明", true),
            ("@Anna Lee", "Anna", false),
            ("@Anna Leeds", "Anna", true),
        ] {
            assert_eq!(mentions(text, name, &both), is_meant, "{text} for {name}");
        }
        assert!(
            mentions("@小明明 hi", "小明", &people(&["小明"])),
            "no member has the longer name"
        );
    }

    #[test]
    fn typed_name_ends_at_the_caret() {
        assert_eq!(query_at("@", 1), Some((0, "")));
        assert_eq!(query_at("hi @小x", 7), Some((3, "小")));
        assert_eq!(query_at("你@a", 5), Some((3, "a")));
        assert_eq!(query_at("@a @b", 2), Some((0, "a")));
        assert_eq!(query_at("你好＠李", 12), Some((6, "李")));
        for (text, caret) in [("@a b", 4), ("a@b", 3), ("@a", 0), ("", 0), ("@小", 2), ("@a", 9)] {
            assert_eq!(query_at(text, caret), None, "{text} at {caret}");
        }
        assert!(query_at(&format!("@{}", "x".repeat(32)), 33).is_some());
        assert_eq!(
            query_at(&format!("@{}", "x".repeat(33)), 34),
            None,
            "names have at most 32 characters"
        );
    }

    #[test]
    fn candidates_start_with_prefix_matches_and_exclude_oneself() {
        let people = people(&["Joanna", "Anna", "bot", "ANNE", "me an"]);
        let offered = |typed: &str| -> Vec<_> {
            let found = candidates(&people, Some(&people[4].pid), typed);
            found.iter().map(|person| person.name.to_string()).collect()
        };
        assert_eq!(offered("an"), ["Anna", "ANNE", "Joanna"]);
        assert_eq!(offered(""), ["Joanna", "Anna", "bot", "ANNE"]);
        assert_eq!(offered("x"), [""; 0]);
        let many = vec![people[0].clone(); 20];
        assert_eq!(candidates(&many, None, "o").len(), OFFERED_MAX);
    }

    #[test]
    fn utf16_units_convert_to_bytes() {
        let text = "a小😀b";
        for (units, byte) in [(0, 0), (1, 1), (2, 4), (4, 8), (5, 9), (99, 9)] {
            assert_eq!(byte_at(text, units), byte, "{units}");
        }
        assert_eq!(units(text), 5);
    }
}
