//! Names in texts: whether a text mentions somebody, and whose name is being typed.
//!
//! A mention is `@` and a name. Where letters are Latin it ends with a word; a Chinese name may
//! stand between other characters, so there only a longer name of somebody present can say that
//! another one is meant.

use xmeet_shared::Pid;
use xmeet_shared::limits::NICKNAME_CHARS_MAX;

use crate::room::members::Person;

/// The most members that are offered at a time.
const OFFERED_MAX: usize = 8;

/// Whether `text` mentions whoever is called `name`, among `people`.
#[must_use]
pub fn mentions(text: &str, name: &str, people: &[Person]) -> bool {
    let is_longer = |other: &Person| other.name.len() > name.len();
    text.bytes().enumerate().any(|(at, byte)| {
        byte == b'@' && may_begin(&text[..at]) && {
            let after = &text[at + 1..];
            is_named(after, name)
                && !people.iter().any(|other| is_longer(other) && is_named(after, &other.name))
        }
    })
}

/// The mention that is being typed with the caret at byte `caret`: where its `@` is, and what
/// there is of the name.
#[must_use]
pub fn query_at(text: &str, caret: usize) -> Option<(usize, &str)> {
    let before = text.get(..caret)?;
    let start = before.bytes().rposition(|byte| byte == b'@')?;
    let typed = &before[start + 1..];
    let is_name =
        !typed.contains(char::is_whitespace) && typed.chars().count() <= NICKNAME_CHARS_MAX;
    (is_name && may_begin(&before[..start])).then_some((start, typed))
}

/// Whom `typed` may be meant for: first those whose names begin with it, then those that have it
/// in them. Nobody mentions oneself.
#[must_use]
pub fn candidates(people: &[Person], me: Option<&Pid>, typed: &str) -> Vec<Person> {
    let mut found = Vec::new();
    for is_beginning in [true, false] {
        for person in people {
            if found.len() == OFFERED_MAX {
                return found;
            }
            let place = place_of(&person.name, typed);
            if place.is_some_and(|place| (place == 0) == is_beginning) && Some(&person.pid) != me {
                found.push(person.clone());
            }
        }
    }
    found
}

/// A place in `text` in bytes, from one in UTF-16 units, as the browser counts.
#[must_use]
pub fn byte_at(text: &str, units: u32) -> usize {
    let mut left = units as usize;
    for (place, c) in text.char_indices() {
        if left == 0 {
            return place;
        }
        left = left.saturating_sub(c.len_utf16());
    }
    text.len()
}

/// Whether an `@` behind `before` may begin a mention: in an e-mail address it does not.
fn may_begin(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether what follows an `@` is `name`, and not the beginning of a longer word.
fn is_named(after: &str, name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    !name.is_empty()
        && starts(after, name)
        && !(name.ends_with(is_letter) && after[name.len()..].starts_with(is_letter))
}

/// Where in a name what is typed of it stands.
fn place_of(name: &str, typed: &str) -> Option<usize> {
    (0..=name.len()).find(|place| name.get(*place..).is_some_and(|rest| starts(rest, typed)))
}

fn starts(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
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
    fn a_mention_is_at_and_the_name() {
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
        ] {
            assert!(mentions(text, name, &people(&[name, "Bert"])), "{text}");
        }
    }

    #[test]
    fn addresses_words_and_bare_names_are_no_mention() {
        for (text, name) in [
            ("mail bert@anna.org", "Anna"),
            ("1@Anna", "Anna"),
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
    fn a_longer_name_of_somebody_present_is_the_one_that_is_meant() {
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
        assert!(mentions("@小明明 hi", "小明", &people(&["小明"])), "nobody else is called that");
    }

    #[test]
    fn what_is_being_typed_ends_at_the_caret() {
        assert_eq!(query_at("@", 1), Some((0, "")));
        assert_eq!(query_at("hi @小x", 7), Some((3, "小")));
        assert_eq!(query_at("你@a", 5), Some((3, "a")));
        assert_eq!(query_at("@a @b", 2), Some((0, "a")));
        for (text, caret) in [("@a b", 4), ("a@b", 3), ("@a", 0), ("", 0), ("@小", 2), ("@a", 9)] {
            assert_eq!(query_at(text, caret), None, "{text} at {caret}");
        }
        assert_eq!(query_at(&format!("@{}", "x".repeat(33)), 34), None, "no name is so long");
    }

    #[test]
    fn those_who_begin_with_it_come_first_and_oneself_is_left_out() {
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
    fn the_browser_counts_in_halves_of_some_characters() {
        let text = "a小😀b";
        for (units, byte) in [(0, 0), (1, 1), (2, 4), (4, 8), (5, 9), (99, 9)] {
            assert_eq!(byte_at(text, units), byte, "{units}");
        }
    }
}
